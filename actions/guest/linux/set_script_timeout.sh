#!/bin/sh
# Sets timeoutInSeconds of the pre and post scripts. Only the digits of that number are replaced in the file.

check_it() {
  SECONDS_WANTED=$(parameter seconds)
  [ -n "$SECONDS_WANTED" ] || refuse 'no number of seconds is named'
  case $SECONDS_WANTED in '' | *[!0-9]* | 0* | ?????*) refuse "not a number of seconds from 1 to 1800: $SECONDS_WANTED" ;; esac
  [ "$SECONDS_WANTED" -le 1800 ] || refuse "not a number of seconds from 1 to 1800: $SECONDS_WANTED"
  if [ ! -e "$JSON" ] && [ ! -L "$JSON" ]; then refuse "there is no $JSON: no pre or post script is set up"; fi
  read_json
  member timeoutInSeconds
  if [ -z "$PROBLEM" ]; then
    case $TIMES,$KIND in
      1,number) ;;
      0,*) PROBLEM="$JSON has no timeoutInSeconds: a person has to add it" ;;
      1,*) PROBLEM="timeoutInSeconds is no number in $JSON" ;;
      *) PROBLEM="timeoutInSeconds stands $TIMES times in $JSON" ;;
    esac
  fi
  found_text timeout_in_seconds "$VALUE"
  if [ -n "$PROBLEM" ]; then
    found_text would_refuse "$PROBLEM"
    need_it
  elif [ "$VALUE" != "$SECONDS_WANTED" ]; then
    need_it
  fi
}

spliced() {
  head -c "$OFFSET" -- "$JSON"
  printf '%s' "$SECONDS_WANTED"
  tail -c +"$((OFFSET + LENGTH + 1))" -- "$JSON"
}

others() { json_members | awk -F '\t' -v OFS='\t' '$1 != "timeoutInSeconds" { $3 = ""; print }'; }

apply_it() {
  [ -z "$PROBLEM" ] || refuse "$PROBLEM"
  if snapshot_running; then refuse 'a backup is at work and may run the scripts: try again later'; fi
  [ "$(spliced | others)" = "$(others <"$JSON")" ] || refuse 'the rest of the file would not be the same afterwards'
  _before=$VALUE
  edit_file "$JSON" spliced
  _said=$(python_says "$JSON")
  if [ -n "$_said" ]; then
    restore_record
    rm -rf -- "$RECORD/was"
    fail "Python cannot read $JSON ($_said): it is as it was"
  fi
  changed setting "$JSON timeoutInSeconds" "$_before" "$SECONDS_WANTED"
}

undo_it() { restore_record; }

run_script
