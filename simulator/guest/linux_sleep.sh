#!/bin/sh
# sleep of a simulated guest: no real time passes; what was slept counts against the script's limit, and as time in
# which the processor was as busy as the state says.
at=/run/simulator
total=$(cat "$at/slept" 2>/dev/null || echo 0)
for time in "$@"; do
  whole=${time%[smhd]}
  whole=${whole%%.*}
  case $time in
    infinity) whole=99999999 ;;
    *[!0-9.smhd]* | '') echo "sleep: invalid time interval '$time'" >&2; exit 1 ;;
    *m) whole=$((${whole:-0} * 60)) ;;
    *h) whole=$((${whole:-0} * 3600)) ;;
    *d) whole=$((${whole:-0} * 86400)) ;;
  esac
  total=$((total + ${whole:-0}))
done
echo "$total" >"$at/slept"
busy=$((total * $(cat "$at/busy")))
printf 'cpu  %s 0 0 %s 0 0 0 0 0 0\n' "$((10000 + busy))" "$((900000 + total * 100 - busy))" >"$at/stat"
cat "$at/stat-rest" >>"$at/stat"
if [ "$total" -ge "$(cat "$at/limit" 2>/dev/null || echo 99999999)" ]; then
  : >"$at/over"
  kill -9 "-$(cat "$at/pid")"
fi
