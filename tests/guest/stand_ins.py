"""Programs that stand in for what a throw-away root cannot have: systemd, and the agent. Everything else is real.

The state lies in /run/stand-in: ``units/<name>/{state,enabled,since}``, ``tasks/<unit>/{after,command}`` for what
systemd-run was asked to start, and ``calls``, a line for every call.
"""

SYSTEMCTL = r"""#!/bin/sh
# A small service manager: it knows the units of /usr/lib/systemd/system and /etc/systemd/system, and their drop-ins.
at=/run/stand-in
printf 'systemctl %s\n' "$*" >>"$at/calls"
property='' value_only=no verb='' units=''
while [ $# -gt 0 ]; do
  case $1 in
    -p) property=$2; shift ;;
    --property=*) property=${1#*=} ;;
    --value) value_only=yes ;;
    --no-block | --quiet | -q | --no-pager) ;;
    -*) echo "unsupported option $1" >>"$at/unsupported"; exit 1 ;;
    *) if [ -z "$verb" ]; then verb=$1; else units="$units ${1%.service}"; fi ;;
  esac
  shift
done
file_of() {
  for place in /etc/systemd/system /usr/lib/systemd/system; do
    if [ -f "$place/$1.service" ]; then printf '%s' "$place/$1.service"; return; fi
  done
}
known() {
  [ -n "$(file_of "$1")" ] && mkdir -p "$at/units/$1" && return 0
  echo "Failed: Unit $1.service not found." >&2
  exit 5
}
state_of() { cat "$at/units/$1/state" 2>/dev/null || printf inactive; }
setting() {
  cat "$at/units/$1/loaded" 2>/dev/null || load "$1"
}
load() { cat "$(file_of "$1")" /etc/systemd/system/"$1".service.d/*.conf 2>/dev/null; }
start() {
  if [ -e "$at/units/$1/broken" ]; then printf failed >"$at/units/$1/state"; return 1; fi
  printf active >"$at/units/$1/state"
  date '+%a %Y-%m-%d %H:%M:%S %Z' >"$at/units/$1/since"
  printf '%s\n' "$1" >>"$at/started"
}
for unit in $units; do
  case $verb in
    is-active)
      case $unit in
        *.timer) [ -d "$at/tasks/${unit%.timer}" ] && echo active && exit 0 ;;
      esac
      state=$(state_of "$unit")
      echo "$state"
      [ "$state" = active ] && exit 0
      exit 3 ;;
    is-enabled)
      known "$unit"
      cat "$at/units/$unit/enabled" 2>/dev/null || echo disabled ;;
    show)
      value=''
      if [ -n "$(file_of "$unit")" ]; then
        case $property in
          FragmentPath) value=$(file_of "$unit") ;;
          ActiveEnterTimestamp) value=$(cat "$at/units/$unit/since" 2>/dev/null) ;;
          UnitFileState) value=$(cat "$at/units/$unit/enabled" 2>/dev/null || echo disabled) ;;
          DropInPaths) value=$(ls /etc/systemd/system/"$unit".service.d/*.conf 2>/dev/null | tr '\n' ' ') ;;
          Restart) value=$(setting "$unit" | sed -n 's/^Restart=//p' | tail -n 1); value=${value:-no} ;;
          RestartUSec) value=$(setting "$unit" | sed -n 's/^RestartSec=//p' | tail -n 1); value=${value:-100m}s ;;
          *) echo "unsupported property $property" >>"$at/unsupported" ;;
        esac
      fi
      if [ "$value_only" = yes ]; then echo "$value"; else echo "$property=$value"; fi ;;
    start | restart) known "$unit"; start "$unit" || exit 1 ;;
    stop) known "$unit"; printf inactive >"$at/units/$unit/state" ;;
    enable | disable) known "$unit"; printf '%sd' "$verb" >"$at/units/$unit/enabled" ;;
    reset-failed) ;;
    *) echo "unsupported verb $verb" >>"$at/unsupported"; exit 1 ;;
  esac
done
case $verb in
  daemon-reload) for unit in "$at"/units/*; do load "${unit##*/}" >"$unit/loaded"; done ;;
esac
exit 0
"""

SYSTEMD_RUN = r"""#!/bin/sh
# Remembers what is to be started later; the test lets it run when the script has ended.
at=/run/stand-in
printf 'systemd-run %s\n' "$*" >>"$at/calls"
unit='' after=0
while [ $# -gt 0 ]; do
  case $1 in
    --unit=*) unit=${1#*=} ;;
    --on-active=*) after=${1#*=} ;;
    -*) echo "unsupported option $1" >>"$at/unsupported"; exit 1 ;;
    *) break ;;
  esac
  shift
done
if [ -d "$at/tasks/$unit" ]; then
  echo "Failed to start transient timer unit: Unit $unit.timer already exists." >&2
  exit 1
fi
mkdir -p "$at/tasks/$unit"
printf '%s' "$after" >"$at/tasks/$unit/after"
for word in "$@"; do printf '%s\n' "$word"; done >"$at/tasks/$unit/command"
"""

WAAGENT = r"""#!/bin/sh
# The agent, as far as a script asks it for its version.
cat /run/stand-in/waagent-version
"""

UNIT = """[Unit]
Description=Azure Linux Agent
ConditionPathExists=/etc/waagent.conf

[Service]
Type=simple
ExecStart=/usr/bin/python3 -u /usr/sbin/waagent -daemon
{restart}

[Install]
WantedBy=multi-user.target
"""
