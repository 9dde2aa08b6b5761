#!/bin/sh
# Hands over a restart of the agent. It counts as done for a quarter of an hour, so that asking twice restarts once.

RECENT=900

check_it() {
  AGENT=$(agent_service)
  [ -n "$AGENT" ] || refuse 'there is no service walinuxagent or waagent'
  _state=$(service_state "$AGENT")
  found_text agent_service "$AGENT"
  found_text agent_state "$_state"
  found_text agent_since "$(service_property "$AGENT" ActiveEnterTimestamp)"
  if [ "$_state" != active ] || ! restarted_lately; then need_it; fi
}

restarted_lately() {
  _at=$(sed -n 's/^{"task":"agent restart","ok":true,.*"at":\([0-9]*\)}$/\1/p' "$RECORD/result.json" 2>/dev/null)
  [ -n "$_at" ] && [ $(($(date +%s) - _at)) -lt "$RECENT" ]
}

apply_it() {
  WORK_LATER=yes
  restart_agent_later
}

run_script
