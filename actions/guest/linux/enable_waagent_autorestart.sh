#!/bin/sh
# Lets systemd start the agent again whenever it ends: a drop-in beside the service's unit, which stays as it is.

NAME=azure-backup-remediation.conf

check_it() {
  has_systemd || refuse 'this system does not run systemd'
  AGENT=$(agent_service)
  [ -n "$AGENT" ] || refuse 'there is no service walinuxagent or waagent'
  DROP_IN=/etc/systemd/system/$AGENT.service.d
  _restart=$(service_property "$AGENT" Restart)
  found_text agent_service "$AGENT"
  found_text agent_restart "$_restart"
  found_text restart_delay "$(service_property "$AGENT" RestartUSec)"
  if [ "$_restart" != always ]; then need_it; fi
}

apply_it() {
  _before=$(service_property "$AGENT" Restart)
  [ ! -L "$DROP_IN" ] || fail "$DROP_IN is a symbolic link"
  if [ ! -d "$DROP_IN" ]; then
    record_value directory "$DROP_IN" absent
    { mkdir "$DROP_IN" && chmod 755 "$DROP_IN"; } || fail "$DROP_IN cannot be made"
  fi
  write_file "$DROP_IN/$NAME" 644 "[Service]${LINE_END}Restart=always${LINE_END}RestartSec=5"
  limited 60 systemctl daemon-reload || fail 'systemctl daemon-reload has failed'
  changed setting "$AGENT.service Restart" "$_before" always
}

undo_it() {
  restore_record
  each_recorded drop_directory directory
  limited 60 systemctl daemon-reload || fail 'systemctl daemon-reload has failed'
}

drop_directory() {
  case $1 in
    /etc/systemd/system/*.service.d) rmdir -- "$1" || say "$1 holds something else and stays" ;;
  esac
}

run_script
