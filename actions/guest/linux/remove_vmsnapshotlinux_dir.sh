#!/bin/sh
# Moves the directory of the backup extension away, so that the next backup installs it anew. The agent reads from disk
# what is installed, so it needs no restart. Whatever the directory holds, vmbackup.conf too, lies in the record.

LIB=/var/lib/waagent
NAME=Microsoft.Azure.RecoveryServices.VMSnapshotLinux

# directories: sets DIRECTORIES to those whose name is exactly NAME-n.n.n.n, a line each.
directories() {
  DIRECTORIES=''
  for _dir in "$LIB/$NAME"-[0-9]*; do
    [ -d "$_dir" ] && [ ! -L "$_dir" ] || continue
    printf '%s' "${_dir##*/}" | awk -v RS='\001' '!/^[A-Za-z.]+-[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/ { exit 1 }' || continue
    DIRECTORIES=$DIRECTORIES$_dir$LINE_END
  done
}

check_it() {
  directories
  found_lines directories "$DIRECTORIES"
  found_lines vmbackup_conf "$(configurations)"
  if [ -n "$DIRECTORIES" ]; then need_it; fi
}

configurations() {
  for _dir in "$LIB/$NAME"-[0-9]*; do
    for _conf in "$_dir/main/tempPlugin/vmbackup.conf" "$_dir/main/vmbackup.conf"; do
      if [ -f "$_conf" ]; then printf '%s\n' "$_conf"; fi
    done
  done
}

apply_it() {
  if snapshot_running; then refuse 'the backup extension is at work: try again when it has ended'; fi
  [ "$(mounts_below)" = 0 ] || refuse "something is mounted below $LIB/$NAME-*"
  each_line put_away "$DIRECTORIES"
}

mounts_below() { grep -c " $LIB/$NAME-" /proc/self/mounts; }

put_away() {
  move_away "$1"
  changed directory "$1" present "moved to $ENTRY/copy"
}

undo_it() {
  if snapshot_running; then refuse 'the backup extension is at work: try again when it has ended'; fi
  restore_record
}

run_script
