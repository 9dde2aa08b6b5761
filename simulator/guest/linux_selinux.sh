#!/bin/sh
# The tools of SELinux of a simulated guest. In /run/simulator/selinux: mode, rules.
at=/run/simulator/selinux
mode=$(cat "$at/mode")
case ${0##*/} in
  getenforce) echo "$mode" ;;
  sestatus)
    if [ "$mode" = Disabled ]; then echo "SELinux status:                 disabled"; exit 0; fi
    printf 'SELinux status:                 enabled\nCurrent mode:                   %s\n' "$mode" | tr '[:upper:]' '[:lower:]' ;;
  restorecon) ;;
  ausearch) if [ -s /var/log/audit/audit.log ]; then cat /var/log/audit/audit.log; else echo "<no matches>" >&2; exit 1; fi ;;
  semanage)
    [ "$1" = fcontext ] || { echo "semanage: the simulated guest does not know $*" >&2; exit 1; }
    shift
    verb='' type='' where=''
    while [ $# -gt 0 ]; do
      case $1 in
        -a | -d | -l) verb=$1 ;;
        -t) type=$2; shift ;;
        -*) ;;
        *) where=$1 ;;
      esac
      shift
    done
    case $verb in
      -l) cat "$at/rules" 2>/dev/null; exit 0 ;;
      -a) printf '%s                     all files          system_u:object_r:%s:s0\n' "$where" "$type" >>"$at/rules" ;;
      -d)
        grep -qF -- "$where " "$at/rules" 2>/dev/null || { echo "ValueError: File context for $where is not defined" >&2; exit 1; }
        grep -vF -- "$where " "$at/rules" >"$at/rules.new"
        mv "$at/rules.new" "$at/rules" ;;
    esac ;;
esac
