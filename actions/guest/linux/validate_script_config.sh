#!/bin/sh
# Reads the configuration of the pre and post scripts as the backup extension does, and says what is wrong with it.

KNOWN=' pluginName appName preScriptLocation postScriptLocation preScriptParams postScriptParams preScriptNoOfRetries
postScriptNoOfRetries timeoutInSeconds continueBackupOnFailure fsFreezeEnabled ScriptsExecutionPollTimeSeconds '

check_it() {
  WRONG='' NOTES=''
  if [ ! -e "$JSON" ] && [ ! -L "$JSON" ]; then
    found_text script_config none
    return
  fi
  read_json
  judge
  found_text script_config "$VERDICT"
  if [ -n "$WRONG" ]; then found_lines wrong "$WRONG"; fi
  if [ -n "$NOTES" ]; then found_lines notes "$NOTES"; fi
  case $VERDICT in invalid*) need_it ;; esac
}

wrong() { WRONG=$WRONG$1$LINE_END; }
note() { NOTES=$NOTES$1$LINE_END; }

# judge: sets VERDICT to valid, "invalid: why" or "unknown: why".
judge() {
  if [ -L "$JSON" ] || [ ! -f "$JSON" ]; then
    VERDICT="unknown: $PROBLEM"
    return
  fi
  _said=$(python_says "$JSON")
  _python=$?
  if [ "$_python" = 0 ] && [ -n "$_said" ]; then
    VERDICT="invalid: $_said"
    wrong "$_said"
  elif [ -n "$PROBLEM" ]; then
    VERDICT="unknown: $PROBLEM"
    if [ "$_python" != 0 ]; then VERDICT="$VERDICT (there is no Python 3 to ask)"; fi
  elif [ "$_python" != 0 ] && ! [ "$(tr -cd '\200-\377' <"$JSON" | wc -c)" = 0 ]; then
    VERDICT='unknown: it is not ASCII, and there is no Python 3 to ask'
  else
    judge_members
    VERDICT=valid
    if [ -n "$WRONG" ]; then VERDICT="invalid: $(printf '%s' "$WRONG" | head -n 1)"; fi
  fi
}

judge_members() {
  each_line judge_name "$(printf '%s\n' "$MEMBERS" | cut -f 1 | sort | uniq -c | sed 's/^ *//')"
  has_kind pluginName string
  if [ "$KIND" = string ] && [ "$VALUE" != ScriptRunner ]; then wrong "pluginName is $VALUE, and has to be ScriptRunner"; fi
  judge_place preScriptLocation
  judge_place postScriptLocation
  has_kind preScriptParams strings
  has_kind postScriptParams strings
  has_number preScriptNoOfRetries 0 100
  has_number postScriptNoOfRetries 0 100
  has_number timeoutInSeconds 1 1800
  has_number ScriptsExecutionPollTimeSeconds 1 5
  has_kind continueBackupOnFailure boolean
  has_kind fsFreezeEnabled boolean
}

# judge_name "TIMES NAME"
judge_name() {
  _name=${1#* }
  case $KNOWN in
    *[!A-Za-z]"$_name"[!A-Za-z]*) ;;
    *) note "the extension does not know $_name" ;;
  esac
  if [ "${1%% *}" != 1 ]; then note "$_name stands ${1%% *} times: the last one counts"; fi
}

# has_kind NAME KIND: notes when it is missing, and that it is wrong when it is of another kind.
has_kind() {
  member "$1"
  if [ "$TIMES" = 0 ]; then
    note "$1 is missing: the extension takes its own default"
    return
  fi
  case $2,$KIND in
    boolean,true | boolean,false | string,string | strings,strings | number,number) ;;
    boolean,*) wrong "$1 is neither true nor false" ;;
    strings,*) wrong "$1 is no list of strings" ;;
    *) wrong "$1 is no $2" ;;
  esac
}

has_number() {
  has_kind "$1" number
  [ "$KIND" = number ] || return 0
  case $VALUE in
    *[!0-9]* | 0?* | ????????*) wrong "$1 is $VALUE, and has to be a whole number from $2 to $3" ;;
    *) if [ "$VALUE" -lt "$2" ] || [ "$VALUE" -gt "$3" ]; then wrong "$1 is $VALUE, and has to be from $2 to $3"; fi ;;
  esac
}

judge_place() {
  member "$1"
  if [ "$TIMES" = 0 ]; then
    wrong "$1 is missing"
  elif [ "$KIND" != string ] || [ -z "$VALUE" ]; then
    wrong "$1 names no file"
  else
    case $VALUE in
      /*) [ -f "$VALUE" ] || wrong "$1: there is no file $VALUE" ;;
      *) wrong "$1 is not an absolute path: $VALUE" ;;
    esac
  fi
}

run_script
