#!/bin/sh
# Unmounts what a file recovery has left behind. Only two kinds of mounts: those whose block device the kernel does not
# have any more and that fstab does not name, and those on iSCSI disks of Azure Backup.

check_it() {
  [ -d /sys/dev/block ] || refuse 'there is no /sys/dev/block: it cannot be told which devices are there'
  STALE='' BLOCKED=''
  MOUNTS=$(mount_lines)
  each_line look_at_mount "$(printf '%s\n' "$MOUNTS" | sort -r)"
  found_list stale
  found_list blocked
  each_line look_at_stale "$STALE"
  if [ -n "$STALE" ]; then need_it; fi
}

# look_at_mount LINE: adds it to STALE when it is one.
look_at_mount() {
  _number=$(column "$1" 2)
  _source=$(column "$1" 4)
  case $_number in
    0:*)
      case $_source in /dev/*) ;; *) return 0 ;; esac
      plain_name "$_source"
      _number=$(block_number "$NAME")
      if [ -z "$_number" ] || ! of_recovery "$_number"; then return 0; fi
      ;;
    *)
      if [ -e "/sys/dev/block/$_number" ]; then
        of_recovery "$_number" || return 0
      elif named_in_fstab "$(column "$1" 1)" || system_place "$(column "$1" 1)"; then
        return 0
      else
        plain_name "$_source"
        if [ "$(block_number "$NAME")" = "$_number" ]; then return 0; fi
      fi
      ;;
  esac
  STALE=$STALE$1$LINE_END
}

# of_recovery NUMBER: whether a block device is an iSCSI disk of Azure Backup, or made of nothing but such.
of_recovery() {
  _sys=$(readlink -f "/sys/dev/block/$1")
  _parts=0
  for _slave in "$_sys"/slaves/*; do
    [ -e "$_slave/dev" ] || continue
    _parts=$((_parts + 1))
    disk_of_recovery "$(readlink -f "$_slave")" || return 1
  done
  [ "$_parts" -gt 0 ] || disk_of_recovery "$_sys"
}

disk_of_recovery() {
  for _place in "$1/device/vendor" "${1%/*}/device/vendor"; do
    case $(cat "$_place" 2>/dev/null) in MABILR*) return 0 ;; esac
  done
  case $1 in
    */session[0-9]*)
      _session=session${1#*/session}
      case $(cat "/sys/class/iscsi_session/${_session%%/*}/targetname" 2>/dev/null) in
        iqn.*microsoft.azure.backup:*) return 0 ;;
      esac
      ;;
  esac
  return 1
}

named_in_fstab() { [ -n "$(fstab_lines | POINT=$1 awk -F '\t' '$1 == ENVIRON["POINT"]')" ]; }

system_place() {
  case $1 in
    / | /boot | /boot/* | /usr | /usr/* | /var | /etc | /home | /root | /opt | /srv | /tmp | /run | /dev | /proc | /sys) return 0 ;;
    /dev/* | /proc/* | /sys/*) return 0 ;;
  esac
  return 1
}

is_stale() { printf '%s' "$STALE" | LINE=$1 awk '$0 == ENVIRON["LINE"] { found = 1 } END { exit !found }'; }

# look_at_stale LINE: says what it is, and what stands against unmounting it.
look_at_stale() {
  _point=$(column "$1" 1)
  _number=$(column "$1" 2)
  plain_name "$_point"
  if [ -e "/sys/dev/block/$_number" ] || [ "${_number%%:*}" = 0 ]; then _why='disk of a file recovery'; else _why='its device is gone'; fi
  found_item stale "$NAME ($(column "$1" 4)): $_why"
  _against=$(printf '%s\n' "$MOUNTS" | POINT=$_point awk -F '\t' '
    $1 == ENVIRON["POINT"] || index($1, ENVIRON["POINT"] "/") == 1' | other_mounts)
  if [ -z "$_against" ] && [ "${_number%%:*}" != 0 ]; then _against=$(users_of "$_number" | head -n 5 | tr '\n' ' '); fi
  if [ -n "$_against" ]; then
    found_item blocked "$NAME: $_against"
    BLOCKED=$BLOCKED$1$LINE_END
  fi
}

# other_mounts: names the first line of stdin that is not stale.
other_mounts() {
  while IFS= read -r _line; do
    if ! is_stale "$_line"; then
      printf '%s is mounted at %s' "$(column "$_line" 4)" "$(column "$_line" 1)"
      return
    fi
  done
}

apply_it() {
  [ -n "$STALE" ] || return 0
  each_line unmount "$STALE"
  if [ -n "$BLOCKED" ]; then refuse "in use, and left as it is: $(printf '%s' "$BLOCKED" | cut -f 1 | tr '\n' ' ')"; fi
}

unmount() {
  if printf '%s' "$BLOCKED" | LINE=$1 awk '$0 == ENVIRON["LINE"] { found = 1 } END { exit !found }'; then return 0; fi
  plain_name "$(column "$1" 1)"
  limited 60 umount -- "$NAME" || limited 60 umount -c -- "$NAME" || fail "$NAME cannot be unmounted"
  changed mount "$NAME" "$(column "$1" 4) $(column "$1" 3) $(column "$1" 6)" unmounted
}

run_script
