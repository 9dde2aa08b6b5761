#!/bin/sh
# The agent of a simulated guest, as far as it can be asked for its version.
at=/run/simulator
case $1 in
  -version | --version)
    echo "WALinuxAgent-$(cat "$at/agent-version") running on $(sed -n 's/^ID=//p' /etc/os-release | tr -d '"')"
    echo "Python: $(python3 -c 'import platform; print(platform.python_version())' 2>/dev/null)"
    echo "Goal state agent: $(cat "$at/agent-version")" ;;
  *) echo "waagent: the simulated guest does not know $*" >&2; exit 1 ;;
esac
