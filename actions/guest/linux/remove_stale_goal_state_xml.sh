#!/bin/sh
# Moves goal state files of earlier incarnations out of /var/lib/waagent. Those of the present one are in use: without
# them an old agent reports that they are missing.

LIB=/var/lib/waagent

# stale: sets STALE to the files, a line each.
stale() {
  STALE=''
  _current=$(tr -cd 0-9 2>/dev/null <"$LIB/Incarnation")
  [ -n "$_current" ] || _current=$(newest)
  for _file in "$LIB"/*.[0-9]*.xml; do
    [ -f "$_file" ] && [ ! -L "$_file" ] || continue
    case $_file in *"$LINE_END"*) continue ;; esac
    if [ -n "$_current" ]; then case ${_file##*/} in *".$_current."*) continue ;; esac; fi
    STALE=$STALE$_file$LINE_END
  done
}

newest() {
  for _file in "$LIB"/GoalState.[0-9]*.xml; do
    _file=${_file##*/GoalState.}
    printf '%s\n' "${_file%.xml}"
  done | grep '^[0-9]*$' | sort -n | tail -n 1
}

check_it() {
  stale
  found_number stale_files "$(printf '%s' "$STALE" | wc -l)"
  found_lines first "$(printf '%s' "$STALE" | head -n 10)"
  if [ -n "$STALE" ]; then need_it; fi
}

apply_it() {
  each_line move_away "$STALE"
  changed files "$LIB/*.[0-9]*.xml" "$(printf '%s' "$STALE" | wc -l) stale" "moved to $RECORD"
}

undo_it() { restore_record; }

run_script
