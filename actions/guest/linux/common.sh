#!/bin/sh
# shellcheck shell=sh
# Common to every script for Linux: one JSON document on stdout, parameters, records, services, tasks for later.
# An action file defines check_it, apply_it and undo_it and ends with run_script. Never call refuse, fail, found_*,
# changed or need_it inside $( ) or a pipe: what they set would be lost.

exec 3>&1 1>&2
cd / || exit 1
umask 077
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
unset IFS CDPATH ENV BASH_ENV TMPDIR GREP_OPTIONS POSIXLY_CORRECT
LINE_END='
'
TAB=$(printf '\t')
BASE=/var/lib/azure-backup-remediation
RECORD=$BASE/$SCRIPT_ACTION
UNIT=azure-backup-remediation-$(printf '%s' "$SCRIPT_ACTION" | tr _ -)
DELAY=30          # seconds until a task starts, so that Azure has the answer of the script before the agent goes down
MOST_BYTES=3900   # Azure keeps the last 4096
NEEDED=false APPLIED=false PENDING='' REFUSED='' ERROR_TEXT='' FOUND='' CHANGED='' CUT=false
HAS_ENDED=no WORK_LATER=no DROP='' TASK=''

# ---- what the script answers -------------------------------------------------------------------------------------

# say TEXT: to stderr, for who reads the log.
say() { printf '%s\n' "$1" >&2; }

# need_it: apply would change something.
need_it() { NEEDED=true; }

# refuse WHY: a danger was seen, or this is the wrong place: nothing (more) is done. Ends the script, status 3.
refuse() {
  REFUSED=$1
  HAS_ENDED=yes
  exit 3
}

# fail WHAT: it could not be done. Ends the script, status 1.
fail() {
  ERROR_TEXT=$1
  HAS_ENDED=yes
  exit 1
}

# json_text VALUE MOST: VALUE, cut to MOST bytes, as a JSON string in ASCII; bytes that are no UTF-8 become U+FFFD.
json_text() {
  case $1 in
    *[!A-Za-z0-9\ ._/:=,@+-]*) ;;
    *)
      if [ ${#1} -le "$2" ]; then
        printf '"%s"' "$1"
        return
      fi
      ;;
  esac
  # shellcheck disable=SC2016
  printf '%s' "$1" | od -An -v -tu1 -N "$2" | awk '
    function put(c) {
      if (c == 34 || c == 92) printf "\\%c", c
      else if (c >= 32 && c < 127) printf "%c", c
      else if (c < 65536) printf "\\u%04x", c
      else { c -= 65536; printf "\\u%04x\\u%04x", 55296 + int(c / 1024), 56320 + c % 1024 }
    }
    BEGIN { printf "\"" }
    {
      for (i = 1; i <= NF; i++) {
        b = $i + 0
        if (more && b >= 128 && b < 192) {
          code = code * 64 + b - 128
          if (--more == 0) put(code < least || code > 1114111 || (code >= 55296 && code < 57344) ? 65533 : code)
          continue
        }
        if (more) put(65533)
        more = 0
        if (b < 128) put(b)
        else if (b >= 194 && b < 224) { more = 1; code = b - 192; least = 128 }
        else if (b >= 224 && b < 240) { more = 2; code = b - 224; least = 2048 }
        else if (b >= 240 && b < 245) { more = 3; code = b - 240; least = 65536 }
        else put(65533)
      }
    }
    END {
      if (more) put(65533)
      printf "\""
    }'
}

# quote VALUE [MOST]: sets QUOTED to VALUE as JSON, and CUT when it is longer than MOST bytes (300).
quote() {
  [ ${#1} -le "${2:-300}" ] || CUT=true
  QUOTED=$(json_text "$1" "${2:-300}")
}

# json_flag VALUE: true, false, or null for anything that is neither.
json_flag() {
  case $1 in
    true | yes | y | 1) printf true ;;
    false | no | n | 0) printf false ;;
    *) printf null ;;
  esac
}

# json_number VALUE: a whole number, or null.
json_number() {
  case $1 in
    '' | *[!0-9]* | 0?* | ????????????????*) printf null ;;
    *) printf '%s' "$1" ;;
  esac
}

put_found() { FOUND=$FOUND$1$LINE_END; }

# found_text KEY VALUE [MOST], found_number KEY VALUE, found_flag KEY VALUE, found_null KEY: one thing that was seen.
found_text() {
  quote "$2" "${3:-300}"
  put_found "S$TAB$1$TAB$QUOTED"
}
found_number() { put_found "S$TAB$1$TAB$(json_number "$2")"; }
found_flag() { put_found "S$TAB$1$TAB$(json_flag "$2")"; }
found_null() { put_found "S$TAB$1${TAB}null"; }

# found_list KEY, then found_item KEY VALUE for each: a list of strings.
found_list() { put_found "L$TAB$1"; }
found_item() {
  quote "$2"
  put_found "I$TAB$1$TAB$QUOTED"
}

# found_object KEY, then found_member KEY NAME VALUE or found_member_flag KEY NAME VALUE for each.
found_object() { put_found "O$TAB$1"; }
found_member() {
  quote "$2"
  _name=$QUOTED
  quote "$3"
  put_found "M$TAB$1$TAB$_name$TAB$QUOTED"
}
found_member_flag() {
  quote "$2"
  put_found "M$TAB$1$TAB$QUOTED$TAB$(json_flag "$3")"
}

# found_lines KEY TEXT: every line of TEXT that is not empty, as a list.
found_lines() {
  found_list "$1"
  _key=$1
  each_line found_line "$2"
}
found_line() { found_item "$_key" "$1"; }

# changed KIND WHAT BEFORE AFTER: one thing that is different now.
changed() {
  quote "$1"
  _change=$QUOTED
  for _part in "$2" "$3" "$4"; do
    quote "$_part"
    _change=$_change$TAB$QUOTED
  done
  CHANGED=${CHANGED}C$TAB$_change$LINE_END
}

# each_line COMMAND TEXT: COMMAND for every line of TEXT that is not empty, in this shell.
each_line() {
  _old=$-
  set -f
  IFS=$LINE_END
  # shellcheck disable=SC2086
  set -- "$1" $2
  unset IFS
  case $_old in *f*) ;; *) set +f ;; esac
  while [ $# -gt 1 ]; do
    "$1" "$2"
    _command=$1
    shift 2
    set -- "$_command" "$@"
  done
}

head_lines() {
  quote "$SCRIPT_ACTION"
  printf 'H\taction\t%s\n' "$QUOTED"
  quote "$SCRIPT_VERB"
  printf 'H\tverb\t%s\n' "$QUOTED"
  printf 'H\tneeded\t%s\nH\tapplied\t%s\n' "$NEEDED" "$APPLIED"
  quote "$PENDING"
  printf 'H\tpending\t%s\n' "$QUOTED"
  quote "$REFUSED" 500
  printf 'H\trefused\t%s\n' "$QUOTED"
  quote "$ERROR_TEXT" 500
  printf 'H\terror\t%s\n' "$QUOTED"
  printf '%s%s' "$FOUND" "$CHANGED"
}

# answer: the JSON document. What makes it too long is shortened, the longest first.
answer() {
  # shellcheck disable=SC2016
  head_lines | awk -v most="$MOST_BYTES" -v cut="$CUT" '
    function shorten(long, size,   at, step) {
      for (at = 2; at < length(long); at += step) {
        step = substr(long, at, 1) != "\\" ? 1 : substr(long, at + 1, 1) == "u" ? 6 : 2
        if (at + step > size) break
      }
      return substr(long, 1, at - 1) "\""
    }
    function pair(so_far, name, json) { return so_far (so_far == "" ? "" : ",") "\"" name "\":" json }
    function listed(name,   i, all) {
      for (i = 1; i <= items[name]; i++) all = all (i > 1 ? "," : "") value[name, i]
      return all
    }
    function whole(   i, j, found, some) {
      for (i = 1; i <= keys; i++) {
        if (kind[key[i]] == "S") found = pair(found, key[i], value[key[i], 1])
        else if (lost[key[i]] && items[key[i]] < 1) found = pair(found, key[i], "null")
        else if (kind[key[i]] == "L") found = pair(found, key[i], "[" listed(key[i]) "]")
        else found = pair(found, key[i], "{" listed(key[i]) "}")
      }
      for (i = 1; i <= changes; i++)
        some = some (i > 1 ? "," : "") "{\"kind\":" part[i, 2] ",\"what\":" part[i, 3] ",\"before\":" part[i, 4] \
          ",\"after\":" part[i, 5] "}"
      j = "{\"contract\":1"
      for (i = 1; i <= heads; i++) j = j ",\"" head[i] "\":" text[i]
      return j ",\"found\":{" found "},\"changed\":[" some "],\"cut\":" cut "}"
    }
    function weigh(size, what, a, b) { if (size > worst) { worst = size; sort = what; at1 = a; at2 = b } }
    function trim(   i, j) {
      worst = 62
      for (i = 1; i <= keys; i++) {
        if (value[key[i], 1] ~ /^"/ && kind[key[i]] == "S") weigh(length(value[key[i], 1]), "S", key[i], 1)
        else if (items[key[i]] > 0) weigh(length(listed(key[i])), "L", key[i], 0)
      }
      for (i = 1; i <= changes; i++) for (j = 3; j <= 5; j++) weigh(length(part[i, j]), "C", i, j)
      if (worst == 62) for (i = 6; i <= 7; i++) weigh(length(text[i]), "H", i, 0)
      if (worst == 62 && changes == 0) { keys = 0; return }
      if (worst == 62) changes--
      else if (sort == "S") value[at1, at2] = shorten(value[at1, at2], int(worst / 2))
      else if (sort == "C") part[at1, at2] = shorten(part[at1, at2], int(worst / 2))
      else if (sort == "H") text[at1] = shorten(text[at1], int(worst / 2))
      else { items[at1] -= int(items[at1] / 10) + 1; lost[at1] = 1 }
    }
    BEGIN { FS = "\t" }
    $1 == "H" { head[++heads] = $2; text[heads] = $3; next }
    $1 == "C" { changes++; for (i = 2; i <= 5; i++) part[changes, i] = $i; next }
    {
      if (!($2 in kind)) { key[++keys] = $2; kind[$2] = $1 == "I" ? "L" : $1 == "M" ? "O" : $1 }
      if ($1 == "S") value[$2, 1] = $3
      else if ($1 == "I") value[$2, ++items[$2]] = $3
      else if ($1 == "M") value[$2, ++items[$2]] = $3 ":" $4
    }
    END {
      while (length(whole()) > most && (keys || changes)) { cut = "true"; trim() }
      print whole()
    }'
}

# finish: on every way out: the answer, and the exit status that fits it.
finish() {
  _status=$?
  trap - EXIT
  trap '' HUP INT TERM
  [ -z "$DROP" ] || rm -f -- "$DROP"
  if [ "$HAS_ENDED" = no ]; then ERROR_TEXT="the script ended early, with status $_status"; fi
  if [ -n "$ERROR_TEXT$REFUSED" ]; then APPLIED=false; fi
  _text=$(answer)
  if [ -z "$_text" ]; then
    _text="{\"contract\":1,\"action\":\"$SCRIPT_ACTION\",\"verb\":\"$SCRIPT_VERB\",\"needed\":$NEEDED,\"applied\":false"
    _text="$_text,\"pending\":\"\",\"refused\":\"\",\"error\":\"awk or od is missing, or cannot be run\",\"found\":{}"
    _text="$_text,\"changed\":[],\"cut\":true}"
    ERROR_TEXT=missing REFUSED=''
  fi
  printf '%s\n' "$_text" >&3
  if [ -n "$REFUSED" ]; then exit 3; fi
  if [ -n "$ERROR_TEXT" ]; then exit 1; fi
  exit 0
}
trap finish EXIT
trap 'fail "the script was stopped from outside"' HUP INT TERM

# ---- small tools -------------------------------------------------------------------------------------------------

# has TOOL: whether a program can be found.
has() { command -v "$1" >/dev/null 2>&1; }

# limited SECONDS COMMAND...: COMMAND, killed when it takes longer (status 124 or 137).
limited() {
  _seconds=$1
  shift
  timeout -k 5 "$_seconds" "$@" </dev/null 3>&- 9>&-
}

# parameter NAME: its value.
parameter() {
  case $1 in
    *[!a-z_0-9]* | '') return 1 ;;
  esac
  eval "printf '%s' \"\${PARAMETER_$(printf '%s' "$1" | tr '[:lower:]' '[:upper:]')-}\"" | base64 -d
}

# os_release KEY: a value of /etc/os-release, which is read and never run.
os_release() {
  _file=/etc/os-release
  [ -r "$_file" ] || _file=/usr/lib/os-release
  [ -r "$_file" ] || return 0
  sed -n "s/^$1=//p" "$_file" | sed -n '1{s/^"\(.*\)"$/\1/;s/^'\''\(.*\)'\''$/\1/;p;}'
}

# os_family: debian, ubuntu, redhat, suse, or other.
os_family() {
  for _id in $(os_release ID | tr -c 'a-z0-9\n' ' ') $(os_release ID_LIKE | tr -c 'a-z0-9\n' ' '); do
    case $_id in
      ubuntu | debian | suse) printf '%s' "$_id" && return ;;
      sles | sled | opensuse) printf suse && return ;;
      rhel | centos | fedora | ol | almalinux | rocky | mariner | azurelinux) printf redhat && return ;;
    esac
  done
  printf other
}

# plain_path PATH: fails unless it is an absolute path on one line without a .. part.
plain_path() {
  case $1 in
    *"$LINE_END"* | */../* | */..) fail "not a plain path: $1" ;;
    /*) ;;
    *) fail "not an absolute path: $1" ;;
  esac
}

# ---- the record: what is there before something is changed -------------------------------------------------------

# has_record: whether an apply has left a record that no undo has put back.
has_record() { [ -d "$RECORD/was" ]; }

# open_record: makes the record's directory, for root only.
open_record() {
  for _place in "$BASE" "$RECORD" "$@"; do
    [ ! -L "$_place" ] || fail "$_place is a symbolic link"
    [ -d "$_place" ] || mkdir -m 700 "$_place" || fail "no record can be written: $_place cannot be made"
    [ "$(stat -c %u "$_place")" = 0 ] || fail "$_place belongs to somebody else"
  done
}

# entries: the entries of the record, the last one first.
entries() {
  _all=''
  for _entry in "$RECORD"/was/[0-9]*; do
    if [ -d "$_entry" ]; then _all="$_entry $_all"; fi
  done
  printf '%s' "$_all"
}

# entry_of KIND WHAT: sets ENTRY to the entry of the record; status 1 when there is none.
entry_of() {
  for ENTRY in "$RECORD"/was/[0-9]*; do
    [ -d "$ENTRY" ] || continue
    if [ "$(cat "$ENTRY/kind")" = "$1" ] && [ "$(cat "$ENTRY/what")" = "$2" ]; then return 0; fi
  done
  ENTRY=''
  return 1
}

# new_entry KIND WHAT: sets ENTRY to a place that becomes an entry with keep_entry.
new_entry() {
  open_record "$RECORD/was"
  ENTRY=$RECORD/was/new
  rm -rf -- "$ENTRY"
  { mkdir "$ENTRY" && printf '%s' "$1" >"$ENTRY/kind" && printf '%s' "$2" >"$ENTRY/what"; } ||
    fail "no record can be written in $RECORD"
  [ "$(cat "$ENTRY/kind" "$ENTRY/what")" = "$1$2" ] || fail "no record can be written in $RECORD"
}
keep_entry() {
  _number=1001
  while [ -e "$RECORD/was/$_number" ]; do _number=$((_number + 1)); done
  mv -- "$ENTRY" "$RECORD/was/$_number" || fail "no record can be written in $RECORD"
  ENTRY=$RECORD/was/$_number
}

# record_file PATH: keeps a copy, or that there is none. The first copy stays until an undo.
record_file() {
  plain_path "$1"
  [ ! -L "$1" ] || fail "$1 is a symbolic link"
  if entry_of file "$1"; then return 0; fi
  new_entry file "$1"
  if [ -f "$1" ]; then
    { cp -a -- "$1" "$ENTRY/copy" && cmp -s -- "$1" "$ENTRY/copy"; } || fail "no copy of $1 can be kept in $RECORD"
  elif [ -e "$1" ]; then
    fail "$1 is no plain file"
  fi
  keep_entry
}

# record_mode PATH: keeps mode and owner.
record_mode() {
  plain_path "$1"
  if entry_of mode "$1"; then return 0; fi
  record_value mode "$1" "$(stat -c '%a %u %g' -- "$1")"
}

# record_value KIND WHAT BEFORE: keeps anything that fits a line; undo_it has to put it back (see recorded).
record_value() {
  if entry_of "$1" "$2"; then return 0; fi
  new_entry "$1" "$2"
  printf '%s' "$3" >"$ENTRY/value" || fail "no record can be written in $RECORD"
  [ "$(cat "$ENTRY/value")" = "$3" ] || fail "no record can be written in $RECORD"
  keep_entry
}

# recorded KIND WHAT: what record_value has kept; status 1 when nothing.
recorded() { entry_of "$1" "$2" && cat "$ENTRY/value"; }

# each_recorded COMMAND KIND: COMMAND with the WHAT of every entry of that kind, the last one first.
each_recorded() {
  for _one in $(entries); do
    [ "$(cat "$_one/kind")" = "$2" ] || continue
    "$1" "$(cat "$_one/what")"
  done
}

# move_away PATH: moves a file or directory into the record, so that it is gone and not lost. It may come back and be
# moved again: every one is kept.
move_away() {
  plain_path "$1"
  [ -e "$1" ] || [ -L "$1" ] || fail "$1 is not there"
  new_entry moved "$1"
  if [ "$(stat -c %d -- "$1")" = "$(stat -c %d "$ENTRY")" ]; then
    keep_entry
    mv -- "$1" "$ENTRY/copy" || fail "$1 cannot be moved to $ENTRY"
    return
  fi
  cp -a -- "$1" "$ENTRY/copy" || {
    rm -rf -- "$ENTRY"
    fail "no copy of $1 can be kept in $RECORD"
  }
  keep_entry
  rm -rf -- "$1" || fail "$1 cannot be removed; its copy is $ENTRY/copy"
}

# beside PATH: sets DROP to a new empty file in the same directory, which finish removes unless it was moved.
beside() {
  DROP=$(mktemp "$(dirname -- "$1")/.azure-backup-remediation.XXXXXX") || {
    DROP=''
    fail "nothing can be written beside $1"
  }
}

# in_place PATH: the file beside it takes its place, in one step.
in_place() {
  mv -f -- "$DROP" "$1" || fail "$1 cannot be replaced"
  DROP=''
  if entry_of file "$1"; then sha256sum <"$1" >"$ENTRY/after" || fail "no record can be written in $RECORD"; fi
}

# edit_file PATH COMMAND...: PATH becomes what COMMAND makes of it (stdin to stdout); mode, owner, SELinux context stay.
edit_file() {
  _path=$1
  shift
  record_file "$_path"
  [ -f "$_path" ] || fail "$_path is not there"
  beside "$_path"
  { cp -a -- "$_path" "$DROP" && "$@" <"$_path" >"$DROP"; } || fail "$_path cannot be rewritten"
  [ -s "$DROP" ] || fail "$_path would be empty"
  touch -- "$DROP"
  in_place "$_path"
}

# write_file PATH MODE TEXT: PATH holds TEXT (and a line end); a new one belongs to root.
write_file() {
  record_file "$1"
  beside "$1"
  printf '%s\n' "$3" >"$DROP" || fail "$1 cannot be written"
  [ "$(cat "$DROP")" = "$3" ] || fail "$1 cannot be written"
  { chmod "$2" -- "$DROP" && in_place "$1"; } || fail "$1 cannot be written"
  if has restorecon; then limited 30 restorecon "$1" || say "restorecon failed for $1"; fi
}

# may_restore: refuses when something that is to be put back has been changed by somebody else since.
may_restore() {
  for _one in $(entries); do
    _what=$(cat "$_one/what")
    case $(cat "$_one/kind") in
      file)
        [ ! -L "$_what" ] || refuse "$_what has become a symbolic link; its copy is $_one/copy"
        cmp -s -- "$_one/copy" "$_what" && continue
        if [ -e "$_one/after" ] && [ "$(sha256sum <"$_what")" != "$(cat "$_one/after")" ]; then
          refuse "$_what was changed since by somebody else; its copy is $_one/copy"
        fi
        ;;
      moved) [ ! -e "$_what" ] || refuse "$_what is there again; the old one is $_one/copy" ;;
    esac
  done
}

# restore_record: puts back every file, mode and moved thing. Other kinds are for undo_it.
restore_record() {
  for _one in $(entries); do
    _what=$(cat "$_one/what")
    case $(cat "$_one/kind") in
      file) restore_file "$_one" "$_what" ;;
      moved) restore_moved "$_one" "$_what" ;;
      mode) restore_mode "$_what" "$(cat "$_one/value")" ;;
    esac
  done
}
restore_file() {
  if [ ! -e "$1/copy" ]; then
    [ ! -e "$2" ] || rm -f -- "$2" || fail "$2 cannot be removed"
    changed file "$2" present absent
  elif ! cmp -s -- "$1/copy" "$2"; then
    beside "$2"
    { cp -a -- "$1/copy" "$DROP" && cmp -s -- "$1/copy" "$DROP" && mv -f -- "$DROP" "$2"; } ||
      fail "$2 cannot be put back; its copy is $1/copy"
    DROP=''
    changed file "$2" changed 'as it was'
  fi
}
restore_moved() {
  [ -e "$1/copy" ] || [ -L "$1/copy" ] || return 0
  if [ -e "$2" ]; then # a later one has just been put back: this one is only kept
    [ -d "$RECORD/kept" ] || mkdir "$RECORD/kept" || fail "$1/copy cannot be kept"
    mv -- "$1" "$(mktemp -d "$RECORD/kept/XXXXXX")" || fail "$1/copy cannot be kept"
    return
  fi
  mv -- "$1/copy" "$2" || fail "$2 cannot be put back; it is $1/copy"
  changed file "$2" absent 'as it was'
}
restore_mode() {
  [ -e "$1" ] || return 0
  _now=$(stat -c '%a %u %g' -- "$1")
  [ "$_now" != "$2" ] || return 0
  # shellcheck disable=SC2086
  set -- "$1" $2
  { chown "$3:$4" -- "$1" && chmod "$2" -- "$1"; } || fail "mode and owner of $1 cannot be put back"
  changed mode "$1" "$_now" "$2 $3 $4"
}

# ---- services, and tasks that run when the script has ended ------------------------------------------------------

# has_systemd: whether systemd is the init of this system.
has_systemd() { [ -d /run/systemd/system ] && has systemctl; }

# service_exists NAME, service_state NAME: active, inactive, failed or unknown.
service_exists() {
  if has_systemd; then
    [ -n "$(limited 20 systemctl show -p FragmentPath "$1.service" 2>/dev/null | sed 's/^FragmentPath=//')" ]
  else
    [ -x "/etc/init.d/$1" ]
  fi
}
service_state() {
  if has_systemd; then
    _state=$(limited 20 systemctl is-active "$1.service" 2>/dev/null)
  elif limited 20 service "$1" status >/dev/null 2>&1; then
    _state=active
  else
    _state=inactive
  fi
  case $_state in
    active | inactive | failed) printf '%s' "$_state" ;;
    activating | reloading) printf active ;;
    deactivating) printf inactive ;;
    *) printf unknown ;;
  esac
}

# service_property NAME PROPERTY: what systemd says, or nothing.
service_property() {
  has_systemd || return 0
  limited 20 systemctl show -p "$2" "$1.service" 2>/dev/null | sed -n "s/^$2=//p"
}

# agent_service: the name of the agent's service here, or nothing.
agent_service() {
  case $(os_family) in
    debian | ubuntu) _names='walinuxagent waagent' ;;
    *) _names='waagent walinuxagent' ;;
  esac
  for _name in $_names; do
    if service_exists "$_name"; then
      printf '%s' "$_name"
      return
    fi
  done
}

# agent_setting KEY: its value in /etc/waagent.conf, read as the agent reads it (the last one counts); status 1 when unset.
agent_setting() {
  # shellcheck disable=SC2016
  awk -v want="$1" '
    /^#/ || !/=/ { next }
    {
      at = index($0, "=")
      key = substr($0, 1, at - 1)
      value = substr($0, at + 1)
      gsub(/^[ \t]+|[ \t]+$/, "", key)
      if (key != want) next
      sub(/#.*/, "", value)
      gsub(/^[" \t]+|[" \t\r]+$/, "", value)
      set = 1
      last = value
    }
    END {
      if (set) print last
      exit !set
    }' /etc/waagent.conf 2>/dev/null
}

# snapshot_running: whether the backup extension has been at work for less than two hours (longer: it hangs). It is
# started in its own directory, so its name may stand in the arguments or only there.
snapshot_running() {
  # shellcheck disable=SC2013
  for _file in $(grep -alE 'handle|safefreeze' /proc/[0-9]*/cmdline 2>/dev/null); do
    _pid=${_file#/proc/}
    _pid=${_pid%/cmdline}
    _line=$(tr '\0' ' ' 2>/dev/null <"$_file")
    case "$(readlink "/proc/$_pid/cwd") $_line" in
      */Microsoft.Azure.RecoveryServices.VMSnapshotLinux-*handle*) ;;
      */Microsoft.Azure.RecoveryServices.VMSnapshotLinux-*safefreeze*) ;;
      *) continue ;;
    esac
    _age=$(limited 10 ps -o etime= -p "$_pid" 2>/dev/null | tr -d ' ')
    case $_age in
      *-*) continue ;;
      *:*:*) [ "${_age%%:*}" -lt 2 ] || continue ;;
    esac
    return 0
  done
  return 1
}

# task_waits: whether a task that was handed over has not ended yet.
task_waits() {
  if has_systemd; then
    for _end in timer service; do
      case $(limited 20 systemctl is-active "$UNIT.$_end" 2>/dev/null) in active | activating) return 0 ;; esac
    done
    return 1
  fi
  _pid=$(cat "$RECORD/task.pid" 2>/dev/null) || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$_pid/cmdline" | grep -qF "$RECORD/task.sh"
}

# hand_over WHAT TEXT WORD...: runs the shell text DELAY seconds from now, outside of the agent's processes, with the
# words as its arguments. The text ends with: result true|false DETAIL, which writes result.json.
hand_over() {
  may_hand_over
  if task_waits; then
    PENDING=$1
    return 0
  fi
  open_record
  rm -f -- "$RECORD/result.json"
  write_task "$@"
  if has_systemd; then
    limited 20 systemctl reset-failed "$UNIT.service" "$UNIT.timer" 2>/dev/null
    limited 30 systemd-run --unit="$UNIT" --on-active="$DELAY" /bin/sh "$RECORD/task.sh" >&2 ||
      fail 'systemd would not start the task; nothing was started'
  else
    (
      exec 3>&- 9>&-
      # shellcheck disable=SC2016
      setsid nohup /bin/sh -c 'sleep "$2"; exec /bin/sh "$1"' task "$RECORD/task.sh" "$DELAY" </dev/null >/dev/null 2>&1 &
      printf '%s' "$!" >"$RECORD/task.pid"
    )
  fi
  PENDING=$1
  changed task "$UNIT" '' "starts in $DELAY seconds: $1"
}
write_task() {
  for _word in "$@"; do
    [ "$_word" = "$2" ] || case $_word in *[!A-Za-z0-9\ ._/:=@+-]*) fail "not a plain word: $_word" ;; esac
  done
  _what=$1
  TASK=$2
  shift 2
  _words=''
  for _word in "$@"; do _words="$_words '$_word'"; done
  # shellcheck disable=SC2016
  printf '%s\n' '#!/bin/sh' 'umask 077' "PATH=$PATH LC_ALL=C" 'export PATH LC_ALL' "cd $RECORD || exit 1" \
    'result() {' \
    '  detail=$(printf %s "$2" | tr -c "A-Za-z0-9 ._/:=@+-" " " | tail -c 200)' \
    "  printf '{\"task\":\"$_what\",\"ok\":%s,\"detail\":\"%s\",\"at\":%s}\\n' \"\$1\" \"\$detail\" \"\$(date +%s)\" >result.new" \
    '  mv -f result.new result.json' \
    '}' "set --$_words" "$TASK" >"$RECORD/task.sh" || fail "no task can be written in $RECORD"
  [ "$(tail -n 1 "$RECORD/task.sh")" = "$(printf '%s\n' "$TASK" | tail -n 1)" ] ||
    fail "no task can be written in $RECORD"
}

# may_restart_agent: refuses where the agent cannot or must not be restarted. To be asked before anything is changed.
may_restart_agent() {
  [ -n "$(agent_service)" ] || refuse 'there is no service walinuxagent or waagent'
  if snapshot_running; then refuse 'the backup extension is at work: try again when it has ended'; fi
  may_hand_over
}

# may_hand_over: refuses where no task of its own can be started.
may_hand_over() {
  if has_systemd; then
    has systemd-run || refuse 'systemd-run is missing: a task of its own cannot be started, and nothing was done'
  else
    has setsid || refuse 'setsid is missing: a task of its own cannot be started, and nothing was done'
  fi
}

# restart_agent_later: hands over the restart of the agent.
restart_agent_later() {
  may_restart_agent
  _agent=$(agent_service)
  # shellcheck disable=SC2016
  hand_over 'agent restart' '
if [ -d /run/systemd/system ]; then timeout -k 5 180 systemctl restart "$1.service"; else timeout -k 5 180 service "$1" restart; fi
tries=0 state=unknown
while [ "$tries" -lt 10 ]; do
  if [ -d /run/systemd/system ]; then state=$(systemctl is-active "$1.service")
  elif service "$1" status >/dev/null 2>&1; then state=active; else state=inactive; fi
  case $state in active | failed) break ;; esac
  tries=$((tries + 1))
  sleep 2
done
if [ "$state" = active ]; then result true "$1 is active"; else result false "$1 is $state"; fi' "$_agent"
}

# found_result: what the last task has written, and whether one still waits.
found_result() {
  if task_waits; then found_flag task_waits true; fi
  _result=$(head -c 400 "$RECORD/result.json" 2>/dev/null) || return 0
  case $_result in
    *"$LINE_END"* | *"$TAB"*) found_text result "$_result" ;;
    '{"task":"'*'}') put_found "S${TAB}result$TAB$_result" ;;
    *) found_text result "$_result" ;;
  esac
}

# ---- the verbs ---------------------------------------------------------------------------------------------------

look() {
  FOUND='' NEEDED=false
  check_it
  [ ! -d "$RECORD" ] || found_result
  if has_record; then found_flag recorded true; fi
}

# alone: one change at a time.
alone() {
  [ ! -L "$BASE" ] || fail "$BASE is a symbolic link"
  [ -d "$BASE" ] || mkdir -m 700 "$BASE" || fail "no record can be written: $BASE cannot be made"
  (: >>"$BASE/lock") || fail "no record can be written in $BASE"
  exec 9>>"$BASE/lock"
  if has flock; then flock -n 9 || refuse 'another script of this kind is at work'; fi
}

do_apply() {
  look
  if [ "$NEEDED" = false ]; then
    APPLIED=true
    return
  fi
  alone
  apply_it
  if [ "$NEEDED" = false ]; then # it has looked closer
    APPLIED=true
    return
  fi
  look
  if [ "$NEEDED" = true ] && [ "$WORK_LATER" = no ]; then
    fail 'it was changed, and yet it is not as it has to be'
  fi
  NEEDED=true APPLIED=true
}

do_undo() {
  has_record || fail 'there is no record of an apply: nothing can be put back'
  alone
  may_restore
  undo_it
  rm -rf -- "$RECORD/was" || fail "$RECORD/was cannot be removed"
  if ! task_waits; then
    rm -f -- "$RECORD/task.sh" "$RECORD/task.pid" "$RECORD/result.json"
    rmdir -- "$RECORD" 2>/dev/null
  fi
  FOUND='' NEEDED=true APPLIED=true
}

# run_script: the last line of every action file.
run_script() {
  for _tool in awk od base64 timeout sed tr stat mktemp sha256sum; do
    has "$_tool" || fail "the tool $_tool is missing"
  done
  [ "$(uname -s)" = Linux ] || refuse 'this is not Linux'
  [ "$(id -u)" = 0 ] || refuse 'not root'
  case $SCRIPT_VERB in
    check)
      look
      if [ "$NEEDED" = false ]; then APPLIED=true; fi
      ;;
    apply)
      has apply_it || refuse 'this script changes nothing'
      do_apply
      ;;
    undo)
      has undo_it || refuse 'this cannot be taken back'
      do_undo
      ;;
    *) refuse "no such verb: $SCRIPT_VERB" ;;
  esac
  HAS_ENDED=yes
  exit 0
}
