#!/bin/sh
# Lists what stands in the mount table or in /etc/fstab more than once, and what the extension could not thaw or freeze.

check_it() {
  # shellcheck disable=SC2016
  _mounted=$(mount_lines | awk -F '\t' '
    $3 == "autofs" { next }
    { times[$1]++; all[$1] = all[$1] (times[$1] > 1 ? ", " : ": ") $4 " " $3 }
    $3 ~ /^(ext[234]|xfs|btrfs)$/ { real[$1] = 1 }
    END { for (point in times) if (times[point] > 1 && (point in real)) print point all[point] }' | sort)
  _in_fstab=$(fstab_lines | awk -F '\t' '
    $1 ~ /^\// { times[$1]++; all[$1] = all[$1] (times[$1] > 1 ? ", " : ": ") $2 }
    END { for (point in times) if (times[point] > 1) print point all[point] }' | sort)
  _elsewhere=$(mount_lines | awk -F '\t' '
    $3 !~ /^(ext[234]|xfs|btrfs)$/ || $2 ~ /^0:/ { next }
    { if (!(($2, $1) in seen)) { times[$2]++; all[$2] = all[$2] " " $1 } seen[$2, $1] = 1; source[$2] = $4 }
    END { for (device in times) if (times[device] > 1) print source[device] ":" all[device] }' | sort)
  found_lines duplicates "$_mounted"
  found_lines in_fstab "$_in_fstab"
  found_lines same_device "$_elsewhere"
  found_lines failed_thaw "$(log_names FITHAW)"
  found_lines failed_freeze "$(log_names FIFREEZE)"
  if [ -n "$_mounted$_in_fstab" ]; then need_it; fi
}

# log_names WHAT: the mount points that the extension's logs name.
log_names() {
  extension_logs | while read -r _log; do
    tail -c 1048576 -- "$_log" | tr -d '\000\r' | sed -n "s/.*Failed to $1: //p"
  done | sort -u | head -n 20
}

run_script
