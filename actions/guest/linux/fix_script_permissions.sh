#!/bin/sh
# Gives the configuration of the pre and post scripts to root with mode 600, and the two scripts that it names to root
# with mode 700. Nothing else, and nothing in a place where somebody else could exchange the file.

check_it() {
  PLACES='' WHY_NOT=''
  if [ ! -e "$JSON" ] && [ ! -L "$JSON" ]; then
    found_text script_config absent
    return
  fi
  found_list wrong
  look_at_file "$JSON" 600
  read_json
  if [ -n "$PROBLEM" ]; then
    may_not "$PROBLEM"
    need_it
  else
    look_at_member preScriptLocation
    look_at_member postScriptLocation
  fi
  if [ -n "$WHY_NOT" ]; then found_text would_refuse "$WHY_NOT"; fi
}

may_not() { if [ -z "$WHY_NOT" ]; then WHY_NOT=$1; fi; }

look_at_member() {
  member "$1"
  if [ "$TIMES" -gt 1 ]; then
    may_not "$1 stands $TIMES times in $JSON"
    need_it
  elif [ "$KIND" = odd ]; then
    may_not "$1 has control characters"
    need_it
  elif [ "$KIND" = string ] && [ -n "$VALUE" ]; then
    if [ -e "$VALUE" ] || [ -L "$VALUE" ]; then
      look_at_file "$VALUE" 700
    else
      found_text "$1" "missing: $VALUE"
    fi
  fi
}

# look_at_file PATH MODE
look_at_file() {
  _now=$(stat -c '%a %U %u' -- "$1" 2>/dev/null)
  if [ ! -L "$1" ] && [ "${_now%% *} ${_now##* }" = "$2 0" ]; then return 0; fi
  need_it
  found_item wrong "$1 ${_now% *}"
  PLACES="$PLACES$2 $1$LINE_END"
  look_at_place "$1"
}

# look_at_place PATH: notes why it may not be changed.
look_at_place() {
  case $1 in
    *//* | */./* | */../* | */. | */.. | */) may_not "not a plain path: $1" && return ;;
    /etc/azure/* | /usr/local/*) ;;
    /bin/* | /sbin/* | /lib*/* | /usr/* | /etc/* | /boot/* | /dev/* | /proc/* | /sys/* | /run/* | /tmp/* | /var/tmp/*)
      may_not "not a place for such a script: $1"
      ;;
    /*/*) ;;
    *) may_not "not a place for such a script: $1" && return ;;
  esac
  if [ -L "$1" ]; then
    may_not "$1 is a symbolic link"
    return
  elif [ ! -f "$1" ]; then
    may_not "$1 is no plain file"
    return
  fi
  if [ "$(stat -c %h -- "$1")" != 1 ]; then may_not "$1 has a second name (a hard link)"; fi
  case $(stat -c %A -- "$1") in
    ????????w*) may_not "anybody could have written to $1: look at what is in it first" ;;
  esac
  case $(od -An -v -tx1 -N 4 "$1" | tr -d ' \n') in 7f454c46) may_not "$1 is a program, not a script" ;; esac
  look_at_parents "$1"
}

look_at_parents() {
  _above=${1%/*}
  while [ -n "$_above" ]; do
    if [ -L "$_above" ]; then
      may_not "$_above is a symbolic link"
    else
      _facts=$(stat -c '%A %g %u' -- "$_above")
      case $_facts in
        ????????w*) may_not "anybody can write to $_above" ;;
        ?????w*' 0 '*) ;;
        ?????w*) may_not "a group can write to $_above" ;;
      esac
      if [ "${_facts##* }" != 0 ]; then may_not "$_above does not belong to root"; fi
    fi
    _above=${_above%/*}
  done
}

apply_it() {
  [ -z "$WHY_NOT" ] || refuse "$WHY_NOT"
  each_line give_to_root "$PLACES"
}

# give_to_root "MODE PATH"
give_to_root() {
  _path=${1#* }
  _was=$(stat -c '%a %U' -- "$_path")
  record_mode "$_path"
  { chown -h root -- "$_path" && chmod "${1%% *}" -- "$_path"; } || fail "mode and owner of $_path cannot be changed"
  changed mode "$_path" "$_was" "${1%% *} root"
}

undo_it() { restore_record; }

run_script
