#!/bin/sh
# systemctl of a simulated guest: units are those of /usr/lib/systemd/system and /etc/systemd/system with their
# drop-ins; what they are doing is kept in /run/simulator/units.
at=/run/simulator
property='' value_only=no verb='' units='' now=no
while [ $# -gt 0 ]; do
  case $1 in
    -p) property=$2; shift ;;
    -p*) property=${1#-p} ;;
    --property=*) property=${1#*=} ;;
    --value) value_only=yes ;;
    --now) now=yes ;;
    --no-block | --quiet | -q | --no-pager | --force | -f | --system | --plain | --no-legend) ;;
    -*) echo "systemctl: the simulated guest does not know the option $1" >&2; exit 1 ;;
    *) if [ -z "$verb" ]; then verb=$1; else units="$units ${1%.service}"; fi ;;
  esac
  shift
done
file_of() {
  for place in /etc/systemd/system /run/systemd/system /usr/lib/systemd/system; do
    if [ -f "$place/$1.service" ]; then printf '%s' "$place/$1.service"; return; fi
  done
}
known() {
  if [ -n "$(file_of "$1")" ]; then mkdir -p "$at/units/$1"; return; fi
  echo "Failed to $verb $1.service: Unit $1.service not found." >&2
  exit 5
}
kept() { cat "$at/units/$1/$2" 2>/dev/null || printf '%s' "$3"; }
load() { cat "$(file_of "$1")" /etc/systemd/system/"$1".service.d/*.conf 2>/dev/null; }
setting() { if [ -f "$at/units/$1/loaded" ]; then cat "$at/units/$1/loaded"; else load "$1"; fi | sed -n "s/^$2=//p" | tail -n 1; }
start() {
  if [ -e "$at/units/$1/broken" ]; then
    printf failed >"$at/units/$1/state"
    echo "Job for $1.service failed because the control process exited with error code." >&2
    return 1
  fi
  if [ "$(kept "$1" state inactive)" = active ] && [ "$verb" = start ]; then return 0; fi
  stop "$1"
  printf active >"$at/units/$1/state"
  cat "$at/now" >"$at/units/$1/since"
  rm -f "$at/units/$1/hung"
  what=$(setting "$1" ExecStart)
  if [ -n "$what" ]; then
    # shellcheck disable=SC2016
    setsid bash -c 'echo $$ >"$1"; exec -a "$2" cat' start "$at/units/$1/pid" "$what" <>"$at/forever" >/dev/null 2>&1 3>&- 9>&- &
  fi
}
stop() {
  if [ -f "$at/units/$1/pid" ]; then
    kill -9 "$(cat "$at/units/$1/pid")" 2>/dev/null
    rm -f "$at/units/$1/pid"
  fi
  printf inactive >"$at/units/$1/state"
}
show() {
  value=''
  if [ -n "$(file_of "$2")" ]; then
    case $1 in
      FragmentPath) value=$(file_of "$2") ;;
      ActiveState) value=$(kept "$2" state inactive) ;;
      SubState) case $(kept "$2" state inactive) in active) value=running ;; failed) value=failed ;; *) value=dead ;; esac ;;
      LoadState) value=loaded ;;
      UnitFileState) value=$(kept "$2" enabled disabled) ;;
      ActiveEnterTimestamp | ExecMainStartTimestamp)
        if [ -f "$at/units/$2/since" ]; then value=$(date -d "@$(cat "$at/units/$2/since")" '+%a %Y-%m-%d %H:%M:%S %Z'); fi ;;
      DropInPaths) for one in /etc/systemd/system/"$2".service.d/*.conf; do
        if [ -f "$one" ]; then value=${value:+$value }$one; fi
      done ;;
      Restart) value=$(setting "$2" Restart); value=${value:-no} ;;
      RestartUSec) value=$(setting "$2" RestartSec); value=${value:-100m}s ;;
      MainPID) value=$(kept "$2" pid 0) ;;
    esac
  else
    case $1 in LoadState) value=not-found ;; ActiveState) value=inactive ;; esac
  fi
  if [ "$value_only" = yes ]; then echo "$value"; else echo "$1=$value"; fi
}
case $verb in
  daemon-reload)
    for unit in "$at"/units/*; do
      if [ -d "$unit" ]; then load "${unit##*/}" >"$unit/loaded"; fi
    done
    exit 0 ;;
  is-system-running) echo running; exit 0 ;;
esac
status=0
for unit in $units; do
  case $verb in
    is-active)
      state=inactive
      case $unit in
        *.timer) if [ -d "$at/tasks/${unit%.timer}" ]; then state=active; fi ;;
        *) state=$(kept "$unit" state inactive) ;;
      esac
      echo "$state"
      [ "$state" = active ] || status=3 ;;
    is-failed)
      kept "$unit" state inactive; echo
      [ "$(kept "$unit" state inactive)" = failed ] || status=1 ;;
    is-enabled)
      known "$unit"
      kept "$unit" enabled disabled; echo
      [ "$(kept "$unit" enabled disabled)" = enabled ] || status=1 ;;
    show) for one in $(printf '%s' "$property" | tr , ' '); do show "$one" "$unit"; done ;;
    start | restart) known "$unit"; start "$unit" || status=1 ;;
    try-restart) known "$unit"; if [ "$(kept "$unit" state inactive)" = active ]; then start "$unit" || status=1; fi ;;
    stop) known "$unit"; stop "$unit" ;;
    enable | disable)
      known "$unit"
      printf '%sd' "$verb" >"$at/units/$unit/enabled"
      if [ "$now" = yes ]; then if [ "$verb" = enable ]; then start "$unit" || status=1; else stop "$unit"; fi; fi ;;
    mask | unmask) known "$unit"; printf '%s' "$(if [ "$verb" = mask ]; then echo masked; else echo disabled; fi)" >"$at/units/$unit/enabled" ;;
    reset-failed) if [ "$(kept "$unit" state inactive)" = failed ]; then printf inactive >"$at/units/$unit/state"; fi ;;
    status) state=$(kept "$unit" state inactive); echo "$unit.service: $state"; [ "$state" = active ] || status=3 ;;
    *) echo "systemctl: the simulated guest does not know the verb $verb" >&2; exit 1 ;;
  esac
done
exit $status
