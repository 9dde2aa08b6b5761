#!/bin/sh
# Switches extension handling on in /etc/waagent.conf. The agent reads Extensions.Enabled (on unless it is n); the
# documentation of Azure Backup writes Extensions.Enable. A line of either name that does not say y is set to y.

CONF=/etc/waagent.conf
EXTENSIONS='Extensions.Enabled Extensions.Enable'

check_it() {
  [ ! -L "$CONF" ] || refuse "$CONF is a symbolic link"
  [ -f "$CONF" ] || refuse "$CONF is not there"
  WANTED=''
  for _key in $EXTENSIONS; do
    _now=$(agent_setting "$_key") || continue
    want "$_key" "$_now" y
  done
  _now=$(agent_setting AutoUpdate.Enabled) || _now=y
  if [ "$(parameter autoupdate)" = y ]; then want AutoUpdate.Enabled "$_now" y; fi
  _now=$(agent_setting Provisioning.Agent) || _now=auto
  if [ -n "$(parameter provisioning)" ]; then want Provisioning.Agent "$_now" "$(parameter provisioning)"; fi
  found_object settings
  for _key in $EXTENSIONS AutoUpdate.Enabled Provisioning.Agent; do
    if _now=$(agent_setting "$_key"); then found_member settings "$_key" "$_now"; fi
  done
  if [ -n "$WANTED" ]; then need_it; fi
}

# want KEY NOW VALUE
want() {
  [ "$(printf '%s' "$2" | tr '[:upper:]' '[:lower:]')" = "$3" ] || WANTED="$WANTED $1=$3"
}

apply_it() {
  [ "$(tr -d '\000' <"$CONF" | cksum)" = "$(cksum <"$CONF")" ] || refuse "$CONF is no text file"
  may_restart_agent
  _todo=$WANTED
  for _pair in $_todo; do
    _before=$(agent_setting "${_pair%%=*}") || _before=missing
    edit_file "$CONF" put_setting "${_pair%%=*}" "${_pair#*=}"
    changed setting "$CONF ${_pair%%=*}" "$_before" "${_pair#*=}"
  done
  restart_agent_later
}

# put_setting KEY VALUE: every line that sets KEY sets VALUE; with none, one is added.
put_setting() {
  # shellcheck disable=SC2016
  awk -v want="$1" -v value="$2" '
    {
      key = substr($0, 1, index($0, "=") - 1)
      gsub(/^[ \t]+|[ \t]+$/, "", key)
      if (/^#/ || !/=/ || key != want) { print; next }
      print want "=" value
      set = 1
    }
    END { if (!set) print want "=" value }'
}

undo_it() {
  may_restart_agent
  restore_record
  restart_agent_later
}

run_script
