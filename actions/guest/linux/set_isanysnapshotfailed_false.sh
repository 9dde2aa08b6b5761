#!/bin/sh
# isanysnapshotfailed = False: the extension does not go on as if the last snapshot of a disk had failed. Where the key
# is not set, the extension takes it as False: then there is nothing to do.

# shellcheck disable=SC2034
KEY=isanysnapshotfailed
# shellcheck disable=SC2034
WANTED=False

check_it() {
  look_at_conf
  if [ -z "$PROBLEM" ]; then
    case $VALUE in '' | [Ff]alse | FALSE) NEEDED=false ;; esac
  fi
}

apply_it() { edit_conf; }

run_script
