#!/bin/sh
# Unmounts one ext file system, lets e2fsck repair what needs no answer, and mounts it again as it was.
#
# The work is done by a process of its own: when Azure's time limit kills this script, that one still ends the check and
# mounts the file system again. A signal to this script ends the check at once.


check_it() {
  WHERE=$(parameter mount)
  [ -n "$WHERE" ] || refuse 'no mount point is named'
  plain_path "$WHERE"
  DANGER='' STATE='' AGAIN=no
  found_text mount "$WHERE"
  find_mount
  if [ "$AGAIN" = yes ]; then
    need_it
    return
  fi
  found_text device "$SOURCE"
  found_text type "$TYPE"
  case $TYPE in
    ext2 | ext3 | ext4) look_at_ext ;;
    xfs)
      look_at_xfs
      return
      ;;
    *) refuse "$WHERE is $TYPE: only ext2, ext3 and ext4 can be checked" ;;
  esac
  if [ -n "$DANGER" ]; then found_text would_refuse "$DANGER"; fi
}

danger() { [ -n "$DANGER" ] || DANGER=$1; }

# find_mount: sets POINT, NUMBER, TYPE, SOURCE, OPTIONS of what is mounted at WHERE. AGAIN is yes when an earlier run was
# cut off, and nothing is mounted there any more.
find_mount() {
  MOUNTS=$(mount_lines)
  POINT=$(escaped "$WHERE")
  _at=$(lines_at "$POINT")
  if [ -z "$_at" ]; then # the caller may have the name as the kernel writes it
    _at=$(lines_at "$WHERE")
    if [ -n "$_at" ]; then
      POINT=$WHERE
      plain_name "$WHERE"
      WHERE=$NAME
    fi
  fi
  if [ -z "$_at" ]; then
    if [ "$(sed -n 1p "$RECORD/unmounted" 2>/dev/null)" = "$POINT" ]; then
      AGAIN=yes
      found_text state 'not mounted: a check was cut off, or still goes on'
      return
    fi
    refuse "nothing is mounted at $WHERE"
  fi
  if [ "$(printf '%s\n' "$_at" | wc -l)" != 1 ]; then danger "more than one file system is mounted at $WHERE"; fi
  _at=$(printf '%s\n' "$_at" | tail -n 1)
  NUMBER=$(column "$_at" 2)
  TYPE=$(column "$_at" 3)
  plain_name "$(column "$_at" 4)"
  SOURCE=$NAME
  plain_name "$(column "$_at" 6),$(column "$_at" 7)"
  OPTIONS=$NAME
  if [ "$(column "$_at" 5)" != / ]; then danger "$WHERE shows only a part of its file system"; fi
}

lines_at() { printf '%s\n' "$MOUNTS" | AT=$1 awk -F '\t' '$1 == ENVIRON["AT"]'; }

# options_for yes|no OPTIONS: the options with which it is mounted again: as it was, and read-only when the kernel had
# made it so after an error and it (no) could not be repaired.
options_for() {
  printf '%s\n' "$2" | tr ',' '\n' | awk -v repaired="$1" '
    $0 == "rw" || $0 == "ro" {
      if (first == "") first = $0
      if ($0 == "ro" && repaired == "no") first = "ro"
      next
    }
    $0 == "shutdown" || $0 == "emergency_ro" { if (repaired == "no") first = "ro"; next }
    $0 == "" || $0 == "seclabel" { next }
    !seen[$0]++ { all = all "," $0 }
    END { print (first == "" ? "rw" : first) all }'
}

look_at_ext() {
  if [ "$(block_number "$SOURCE")" != "$NUMBER" ]; then
    refuse "$SOURCE is not the block device that is mounted at $WHERE"
  fi
  _facts=$(limited 60 tune2fs -l "$SOURCE") || fail "tune2fs cannot read $SOURCE"
  STATE=$(printf '%s\n' "$_facts" | sed -n 's/^Filesystem state:[[:blank:]]*//p')
  found_text state "$STATE"
  case $STATE in
    clean) return ;;
    *error*) ;;
    *)
      # without a journal it is never clean while it is mounted
      case $(printf '%s\n' "$_facts" | sed -n 's/^Filesystem features://p') in *has_journal*) ;; *) return ;; esac
      ;;
  esac
  need_it
  look_for_dangers
}

look_for_dangers() {
  case $WHERE in
    / | /boot | /boot/* | /usr | /usr/* | /var | /etc | /etc/* | /bin | /sbin | /lib* | /run | /dev | /proc | /sys | /root)
      danger "$WHERE is a mount point of the system: check it from a repair VM"
      ;;
  esac
  for _kept in "$BASE" /var/lib/waagent; do
    case $_kept/ in "$WHERE"/*) danger "$WHERE holds $_kept: check it from a repair VM" ;; esac
  done
  for _tool in e2fsck setsid umount mount findfs; do has "$_tool" || danger "the tool $_tool is missing"; done
  _left=$(sed -n 1p "$RECORD/unmounted" 2>/dev/null)
  if [ -n "$_left" ] && [ -z "$(lines_at "$_left")" ]; then danger "an earlier run has left $_left unmounted: apply to that first"; fi
  look_at_table
  look_at_fstab
  look_at_device
  if snapshot_running; then danger 'a backup is at work: try again later'; fi
  _users=$(users_of "$NUMBER")
  found_lines used_by "$(printf '%s\n' "$_users" | head -n 10)"
  if [ -n "$_users" ]; then danger "in use by $(printf '%s\n' "$_users" | head -n 3 | tr '\n' ' ')"; fi
  look_for_database
}

look_at_table() {
  _inside=$(printf '%s\n' "$MOUNTS" | AT=$POINT/ awk -F '\t' 'index($1, ENVIRON["AT"]) == 1 { print $1 }' | head -n 1)
  if [ -n "$_inside" ]; then danger "something is mounted inside of it: $_inside"; fi
  _elsewhere=$(printf '%s\n' "$MOUNTS" | AT=$POINT NUMBER=$NUMBER awk -F '\t' '
    $2 == ENVIRON["NUMBER"] && $1 != ENVIRON["AT"] { print $1 }' | head -n 1)
  if [ -n "$_elsewhere" ]; then danger "the same file system is mounted at $_elsewhere too"; fi
}

look_at_fstab() {
  _entries=$(fstab_lines | AT=$POINT awk -F '\t' '$1 == ENVIRON["AT"]')
  case $(printf '%s' "$_entries" | grep -c .) in
    1) ;;
    0)
      danger "/etc/fstab has no entry for $WHERE: a restart of the VM would not bring it back"
      return
      ;;
    *)
      danger "/etc/fstab has more than one entry for $WHERE"
      return
      ;;
  esac
  case ,$(column "$_entries" 4), in
    *,noauto,*) danger "/etc/fstab says noauto for $WHERE: something else mounts it, and may do so while it is checked" ;;
    *x-systemd.automount*) danger "$WHERE is mounted on demand, and might be so while it is checked" ;;
  esac
  plain_name "$(column "$_entries" 2 | tr -d '"')"
  case $NAME in /*) ;; *) NAME=$(limited 30 env BLKID_FILE=/dev/null findfs "$NAME" 2>/dev/null) ;; esac
  if [ "$(block_number "$NAME")" != "$NUMBER" ]; then danger "/etc/fstab names another device for $WHERE"; fi
}

# look_at_device: nothing is built on it, and it has no LVM snapshot.
look_at_device() {
  _sys=/sys/dev/block/$NUMBER
  if [ ! -e "$_sys" ]; then
    danger "the kernel does not know the device $NUMBER"
    return
  fi
  for _holder in "$_sys"/holders/*; do
    if [ -e "$_holder" ]; then danger "$(basename "$_holder") is built on $SOURCE"; fi
  done
  for _slave in "$_sys"/slaves/*; do
    case $(cat "$_slave/dm/name" 2>/dev/null) in
      *-real | *-cow) danger "$SOURCE has LVM snapshots, or is one" ;;
    esac
  done
  if [ "$(cat "$_sys/dm/suspended" 2>/dev/null || printf 0)" != 0 ]; then danger "$SOURCE is suspended"; fi
}

# look_for_database: whether a database is at work whose files lie here, also when it has none of them open just now.
look_for_database() {
  _running=$(cat /proc/[0-9]*/comm 2>/dev/null | grep -E \
    '^(mysqld|mariadbd|postgres|postmaster|mongod|sqlservr|ora_pmon_.*|redis-server|influxd|db2sysc|hdb.*|clickhouse.*)$' |
    sort -u | head -n 1)
  [ -n "$_running" ] || return 0
  _data=$(limited 60 find "$WHERE" -xdev -maxdepth 4 \( -name PG_VERSION -o -name ibdata1 -o -name 'aria_log*' \
    -o -name mysql.ibd -o -name WiredTiger -o -name mongod.lock -o -name master.mdf -o -name '*.dbf' \
    -o -name '*.rdb' -o -name appendonlydir -o -name 'global.ini' -o -name SQLDBCONF \) 2>/dev/null | head -n 1)
  if [ -n "$_data" ]; then danger "$_running is running, and its data may be here: $_data"; fi
}

# look_at_xfs: what xfs_repair sees, and nothing else.
look_at_xfs() {
  has xfs_repair || refuse "$WHERE is XFS, and xfs_repair is missing: nothing can be told"
  _said=$(limited 120 xfs_repair -n -m 512 "$SOURCE" 2>&1)
  _status=$?
  found_text xfs_repair "$(printf '%s' "$_said" | tail -c 600)" 600
  if [ "$_status" != 0 ]; then
    refuse "$WHERE is XFS, and is only looked at: xfs_repair is for a person, with the file system unmounted"
  fi
  found_text state clean
}

words() { tail -c 700 "$RECORD/words" 2>/dev/null | tr -c '\n -~' '?' | tr '\n' ' ' | sed 's/  */ /g'; }

clear_away() { rm -f -- "$RECORD/unmounted" "$RECORD/step" "$RECORD/status" "$RECORD/state" "$RECORD/words"; }

apply_it() {
  if [ "$AGAIN" = yes ]; then
    mount_again
    look
    [ "$NEEDED" = true ] || return 0
  fi
  [ -z "$DANGER" ] || refuse "$DANGER"
  [ ! -L "$RECORD" ] || fail "$RECORD is a symbolic link"
  [ -d "$RECORD" ] || mkdir -m 700 "$RECORD" || fail "no record can be written: $RECORD cannot be made"
  clear_away
  printf '%s\n' "$POINT" "$NUMBER" "$TYPE" "$SOURCE" "$OPTIONS" >"$RECORD/unmounted" || fail "no record can be written in $RECORD"
  [ "$(sed -n 5p "$RECORD/unmounted")" = "$OPTIONS" ] || fail "no record can be written in $RECORD"
  work check
  conclude
}

# conclude: says how it went, after it has made sure that the file system is mounted.
conclude() {
  MOUNTS=$(mount_lines)
  if [ -z "$(lines_at "$POINT")" ]; then work mount; fi
  _step=$(cat "$RECORD/step" 2>/dev/null)
  _status=$(cat "$RECORD/status" 2>/dev/null)
  _state=$(cat "$RECORD/state" 2>/dev/null)
  _words=$(words)
  MOUNTS=$(mount_lines)
  _now=$(lines_at "$POINT")
  if [ -z "$_now" ]; then
    fail "$WHERE IS NOT MOUNTED ANY MORE and could not be mounted again ($SOURCE, $TYPE, $OPTIONS): $_words"
  fi
  clear_away
  rmdir -- "$RECORD" 2>/dev/null
  if [ -n "$_status" ]; then changed filesystem "$WHERE ($SOURCE)" "$STATE" "$_state; e2fsck: $_words"; fi
  if [ "$STOPPED" = yes ]; then fail "the script was stopped from outside; $WHERE is mounted again"; fi
  case $_step in
    busy) refuse "$WHERE cannot be unmounted, and is as it was: $_words" ;;
    elsewhere) refuse "$SOURCE is mounted in another name space too; $WHERE is mounted again" ;;
  esac
  if [ "${_status:-8}" -gt 1 ] || [ "$_state" != clean ]; then
    refuse "e2fsck -p left it to a person (status ${_status:-none}, state ${_state:-unknown}); $WHERE is mounted again: $_words"
  fi
  plain_name "$(column "$_now" 6),$(column "$_now" 7)"
  if [ "$(sorted "$OPTIONS")" != "$(sorted "$NAME")" ]; then
    fail "$WHERE is clean and mounted again, but with $NAME instead of $OPTIONS"
  fi
}

sorted() { options_for yes "$1" | tr ',' '\n' | sort | tr '\n' ','; }

# mount_again: what an earlier run that was cut off has left unmounted.
mount_again() {
  NUMBER=$(sed -n 2p "$RECORD/unmounted")
  TYPE=$(sed -n 3p "$RECORD/unmounted")
  SOURCE=$(sed -n 4p "$RECORD/unmounted")
  OPTIONS=$(sed -n 5p "$RECORD/unmounted")
  if [ "$(block_number "$SOURCE")" != "$NUMBER" ]; then
    fail "$SOURCE is not any more what was mounted at $WHERE: mount it by hand"
  fi
  case $TYPE in ext2 | ext3 | ext4) ;; *) fail "the record of the earlier run is broken: mount $WHERE by hand" ;; esac
  work mount
  changed mount "$WHERE" 'not mounted' "$SOURCE"
  MOUNTS=$(mount_lines)
  [ -n "$(lines_at "$POINT")" ] || fail "$WHERE cannot be mounted again: $(words)"
  clear_away
  rmdir -- "$RECORD" 2>/dev/null
}

run_script
