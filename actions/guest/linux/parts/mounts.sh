#!/bin/sh
# shellcheck shell=sh
# Common to the scripts that read the mount table. Names stay as the kernel writes them (a blank is \040, a line end
# \012), so that no name can look like another line; plain_name makes them readable where they are used.

# mount_lines: one line for every mount, with tabs between: mount point, device number, type, source, root, options,
# options of the file system.
mount_lines() {
  awk -F'[ ]' '{
    for (i = 7; i <= NF; i++) if ($i == "-") break
    if (i < NF) print $5 "\t" $3 "\t" $(i + 1) "\t" $(i + 2) "\t" $4 "\t" $6 "\t" $(i + 3)
  }' /proc/self/mountinfo
}

# fstab_lines: one line for every entry of /etc/fstab: mount point (as the kernel writes it), source, type, options.
fstab_lines() {
  [ -r /etc/fstab ] || return 0
  # shellcheck disable=SC2016
  awk '
    function kernel_name(name,   at, out) {
      while ((at = index(name, "\\")) > 0) {
        if (substr(name, at + 1, 3) ~ /^[0-7][0-7][0-7]$/) { out = out substr(name, 1, at + 3); at += 3 }
        else out = out substr(name, 1, at - 1) "\\134"
        name = substr(name, at + 1)
      }
      name = out name
      if (length(name) > 1) sub(/\/+$/, "", name)
      return name
    }
    $1 !~ /^#/ && NF >= 3 { print kernel_name($2) "\t" $1 "\t" $3 "\t" $4 }' /etc/fstab
}

# escaped NAME: a name as the kernel writes it.
escaped() {
  printf '%s' "$1" | awk '{
    if (NR > 1) printf "\\012"
    gsub(/\\/, "\\134")
    gsub(/ /, "\\040")
    gsub(/\t/, "\\011")
    printf "%s", $0
  }'
}

# plain_name NAME: sets NAME to what the kernel's way of writing means.
plain_name() {
  NAME=$(printf '%s' "$1" | awk '{
    while (match($0, /\\[0-7][0-7][0-7]/)) {
      code = substr($0, RSTART + 1, 1) * 64 + substr($0, RSTART + 2, 1) * 8 + substr($0, RSTART + 3, 1)
      printf "%s%c", substr($0, 1, RSTART - 1), code
      $0 = substr($0, RSTART + 4)
    }
    printf "%s.", $0
  }')
  NAME=${NAME%.}
}

# column LINE NUMBER: a part of one of these lines.
column() { printf '%s\n' "$1" | cut -f "$2"; }

# extension_logs: the logs of the backup extension, the newest first, at most ten.
extension_logs() {
  for _log in /var/log/azure/Microsoft.Azure.RecoveryServices.VMSnapshotLinux*/extension.log \
    /var/log/azure/Microsoft.Azure.RecoveryServices.VMSnapshotLinux*/*/extension.log; do
    if [ -f "$_log" ] && [ ! -L "$_log" ]; then stat -c '%Y %n' -- "$_log"; fi
  done | sort -rn | head -n 10 | cut -d ' ' -f 2-
}

# device_id MAJOR:MINOR: the number that stat shows for files of that device.
device_id() {
  _minor=${1#*:}
  printf '%s' $(((${1%:*} << 8) | (_minor & 255) | ((_minor & ~255) << 12)))
}

# users_of MAJOR:MINOR: what uses a file system: processes with a file, a directory or a program of it, swap files, and
# loop devices. A line for each.
users_of() {
  _id=$(device_id "$1")
  _hex=$(printf '%02x:%02x' "${1%:*}" "${1#*:}")
  {
    limited 60 find /proc/[0-9]*/fd /proc/[0-9]*/cwd /proc/[0-9]*/root /proc/[0-9]*/exe -maxdepth 1 -type l \
      -exec stat -L -c '%d %n' {} + 2>/dev/null | awk -v id="$_id" '$1 == id { split($2, part, "/"); print part[3] }'
    limited 60 find /proc/[0-9]*/maps -maxdepth 0 -exec grep -ls " $_hex " {} + 2>/dev/null | cut -d / -f 3
  } | sort -un | while read -r _pid; do
    [ "$_pid" = $$ ] || printf 'process %s (%s)\n' "$_pid" "$(head -n 1 "/proc/$_pid/comm" 2>/dev/null)"
  done
  awk 'NR > 1 { print $1 }' /proc/swaps 2>/dev/null | while read -r _swap; do
    plain_name "$_swap"
    if [ "$(stat -L -c %d -- "$NAME" 2>/dev/null)" = "$_id" ]; then printf 'swap file %s\n' "$NAME"; fi
    if [ "$(block_number "$NAME")" = "$1" ]; then printf 'swap on %s\n' "$NAME"; fi
  done
  for _loop in /sys/block/loop*/loop/backing_file; do
    [ -r "$_loop" ] || continue
    _file=$(cat "$_loop")
    if [ "$(stat -L -c %d -- "$_file" 2>/dev/null)" = "$_id" ]; then printf 'loop device with %s\n' "$_file"; fi
  done
}

# block_number PATH: major:minor of a block device, or nothing.
block_number() {
  [ -b "$1" ] || return 0
  printf '%d:%d' "0x$(stat -L -c %t -- "$1")" "0x$(stat -L -c %T -- "$1")"
}
