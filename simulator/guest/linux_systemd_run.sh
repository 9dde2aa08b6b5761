#!/bin/sh
# systemd-run of a simulated guest: remembers what is to be started and when; the simulator starts it when it is due.
at=/run/simulator
unit=run-simulated after=0
while [ $# -gt 0 ]; do
  case $1 in
    --unit=*) unit=${1#*=} ;;
    --unit) unit=$2; shift ;;
    --on-active=*) after=${1#*=} ;;
    --on-active) after=$2; shift ;;
    --collect | --quiet | --no-block | -q | -G | --property=* | --description=* | --timer-property=*) ;;
    -p) shift ;;
    -*) echo "systemd-run: the simulated guest does not know the option $1" >&2; exit 1 ;;
    *) break ;;
  esac
  shift
done
after=${after%s}
case $after in *[!0-9]* | '') echo "Failed to parse argument: $after" >&2; exit 1 ;; esac
unit=${unit%.service}
if [ -d "$at/tasks/$unit" ]; then
  echo "Failed to start transient timer unit: Unit $unit.timer was already loaded or has a fragment file." >&2
  exit 1
fi
mkdir -p "$at/tasks/$unit"
for word in "$@"; do printf '%s\0' "$word"; done >"$at/tasks/$unit/command"
echo $(($(cat "$at/now") + $(cat "$at/slept") + after)) >"$at/tasks/$unit/due"
echo "Running timer as unit: $unit.timer" >&2
echo "Will run service as unit: $unit.service" >&2
