#!/bin/sh
# Adds mount points to MountsToSkip. What stands there stays; the extension splits the list at commas and compares
# letter by letter, so that no blank is written.

KEY=MountsToSkip
MERGE=yes

check_it() {
  WANTED=$(parameter mounts)
  NOT_MOUNTED=''
  [ -n "$WANTED" ] || refuse 'no mount point is named'
  case ",$WANTED," in *,/,* | *,,*) refuse "/ and empty names are never skipped: $WANTED" ;; esac
  look_at_conf
  each_line look_at_mount "$(printf '%s' "$WANTED" | tr ',' '\n')"
  if [ -n "$NOT_MOUNTED" ]; then found_lines not_mounted "$NOT_MOUNTED"; fi
}

look_at_mount() {
  case $1 in /*) ;; *) refuse "not an absolute path: $1" ;; esac
  _point=$(escaped "$1")
  if [ -z "$(mount_lines | POINT=$_point awk -F '\t' '$1 == ENVIRON["POINT"]')" ]; then
    NOT_MOUNTED=$NOT_MOUNTED$1$LINE_END
  fi
}

apply_it() {
  if [ -n "$NOT_MOUNTED" ]; then
    refuse "nothing is mounted there, so that skipping would have no effect: $(printf '%s' "$NOT_MOUNTED" | tr '\n' ' ')"
  fi
  edit_conf
}

run_script
