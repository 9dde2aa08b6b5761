#!/bin/sh
# find of a simulated guest: what it says about ages (-mmin, -mtime) is about the simulator's time.
at=/run/simulator
now=$(($(cat "$at/now") + $(cat "$at/slept")))
unit=''
count=$#
while [ "$count" -gt 0 ]; do
  word=$1
  shift
  count=$((count - 1))
  case $word in
    -mmin) unit=60 ;;
    -mtime) unit=86400 ;;
    *)
      if [ -z "$unit" ]; then
        set -- "$@" "$word"
      else
        case $word in
          -*) set -- "$@" -newermt "@$((now - ${word#-} * unit))" ;;
          +*) set -- "$@" ! -newermt "@$((now - (${word#+} + 1) * unit))" ;;
          *) set -- "$@" -newermt "@$((now - (word + 1) * unit))" ! -newermt "@$((now - word * unit))" ;;
        esac
        unit=''
      fi ;;
  esac
done
exec "$at/real/find" "$@"
