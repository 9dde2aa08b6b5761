#!/bin/sh
# shellcheck shell=sh
# The part of fsck_unclean_mounts that unmounts, checks and mounts again: in a process of its own, outside of the
# script's process group, so that the file system comes back also when the script is killed.

LIMIT=2700 # seconds for e2fsck, so that all ends before the time limit of the script

# The worker: WHERE DEVICE TYPE OPTIONS OPTIONS-WHEN-NOT-REPAIRED NUMBER LIMIT check|mount, in the record's directory.
# It leaves the files step, status, words, state.
# shellcheck disable=SC2016
WORKER='
where=$1 device=$2 type=$3 good=$4 bad=$5 number=$6 limit=$7 what=$8 fsck="" stopped=no
stop() { stopped=yes; if [ -n "$fsck" ]; then kill -TERM "$fsck" 2>/dev/null; fi; }
trap stop HUP INT TERM
step() { printf "%s\n" "$1" >step.new && mv -f step.new step; }
anywhere() { grep -ls "^[0-9]* [0-9]* $number " /proc/[0-9]*/mountinfo >/dev/null 2>&1; }
here() { grep -q "^[0-9]* [0-9]* $number " /proc/self/mountinfo; }
again() {
  tries=0
  until here; do
    mount -t "$type" -o "$1" -- "$device" "$where" || mount -- "$where"
    if here; then break; fi
    tries=$((tries + 1))
    if [ "$tries" -ge 3 ]; then step lost; return 1; fi
    sleep 2
  done
  rm -f unmounted
}
if [ "$what" = mount ]; then
  if again "$bad"; then step mounted; fi
  exit
fi
step unmounting
if ! umount -- "$where" 2>words; then
  if here; then rm -f unmounted; step busy; exit; fi
fi
if anywhere; then
  if again "$bad"; then step elsewhere; fi
  exit
fi
step checking
status=32
if [ "$stopped" = no ]; then
  timeout -k 60 "$limit" e2fsck -p "$device" </dev/null >words 2>&1 &
  fsck=$!
  if [ "$stopped" = yes ]; then kill -TERM "$fsck" 2>/dev/null; fi
  wait "$fsck"
  status=$?
  while kill -0 "$fsck" 2>/dev/null; do wait "$fsck"; status=$?; done
fi
printf "%s\n" "$status" >status
state=$(tune2fs -l "$device" | sed -n "s/^Filesystem state:[[:blank:]]*//p")
printf "%s\n" "$state" >state
step mounting
if [ "$status" -le 1 ] && [ "$state" = clean ]; then again "$good"; else again "$bad"; fi
if [ $? = 0 ]; then step done; fi
'

# work WHAT: lets the worker do it, and waits for it.
work() {
  STOPPED=no
  (
    cd "$RECORD" || exit 1
    exec setsid /bin/sh -c "$WORKER" worker "$WHERE" "$SOURCE" "$TYPE" "$(options_for yes "$OPTIONS")" \
      "$(options_for no "$OPTIONS")" "$NUMBER" "$LIMIT" "$1" </dev/null 3>&-
  ) &
  _worker=$!
  trap 'STOPPED=yes; kill -TERM "$_worker" 2>/dev/null' HUP INT TERM
  while kill -0 "$_worker" 2>/dev/null; do wait "$_worker"; done
  trap 'STOPPED=yes' HUP INT TERM
}
