#!/bin/sh
# date of a simulated guest: the time is the simulator's.
at=/run/simulator
for word in "$@"; do
  case $word in
    -d* | --date* | -r* | --reference* | -f* | --file* | -s* | --set* | --help | --version) exec "$at/real/date" "$@" ;;
  esac
done
exec "$at/real/date" -d "@$(($(cat "$at/now") + $(cat "$at/slept")))" "$@"
