#!/bin/sh
# seqsnapshot = 2: the extension takes the snapshots of the disks one after the other, because somebody has said so
# (1 is what it sets itself, 0 is all at once).

# shellcheck disable=SC2034
KEY=seqsnapshot
# shellcheck disable=SC2034
WANTED=2

check_it() { look_at_conf; }

apply_it() { edit_conf; }

run_script
