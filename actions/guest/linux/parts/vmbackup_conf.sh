#!/bin/sh
# shellcheck shell=sh
# Common to the scripts that set one key in section [SnapshotThread] of /etc/azure/vmbackup.conf, the file that the
# backup extension reads with Python's configparser. It is read here as strictly as there: a file that the extension
# cannot read is not touched. Every other line stays as it is, byte for byte.
#
# The script sets KEY and WANTED, and MERGE to "yes" when WANTED is a list of entries to be added to the key's list.

CONF=/etc/azure/vmbackup.conf
MOST_CONF=1048576
MERGE=no

# conf MODE: reads the file on stdin. problem: why the extension could not read it; value: what the key is now;
# wanted: yes or no; dump: everything but the key; edit: the file with the key as wanted.
conf() {
  # shellcheck disable=SC2016
  WANT_KEY=$KEY WANT_VALUE=$WANTED awk -v mode="$1" -v merge="$MERGE" -v open_end="${OPEN_END:-no}" '
    function trim(s) { sub(/^[ \t\f\v]+/, "", s); sub(/[ \t\f\v]+$/, "", s); return s }
    function wrong(what) { if (problem == "") problem = what }
    function opens(name) {
      if ((name in sections) && name != "DEFAULT") wrong("section [" name "] stands there twice")
      sections[name] = 1
      section = name
      option = ""
      if (name == "SnapshotThread") { here = lines; margin = substr(line, 1, indent) }
    }
    function sets(body,   at) {
      at = match(body, /[=:]/)
      option = at ? tolower(trim(substr(body, 1, at - 1))) : ""
      if (option == "") {
        wrong("line " lines " is neither a section nor a setting")
        option = "?"
        return
      }
      ours = section == "SnapshotThread" && option == key
      if (section == "DEFAULT" && option == key) wrong(ENVIRON["WANT_KEY"] " stands in section [DEFAULT]")
      if (!ours && ((section, option) in seen)) wrong(option " stands twice in section [" section "]")
      seen[section, option] = 1
      takes(trim(substr(body, at + 1)), 1)
    }
    function takes(value, first) {
      if (section == "SnapshotThread") { here = lines; if (first) margin = substr(line, 1, indent) }
      if (!ours) { other[++others] = section "\t" option "\t" value; return }
      if (value ~ /[ \t][#;]/) wrong("a comment stands behind the value of " ENVIRON["WANT_KEY"])
      if (first) { times++; start[times] = lines; now[times] = value }
      else now[times] = now[times] "\n" value
      last[times] = lines
      mine[lines] = times
    }
    function holds(list, one,   i, n, part) {
      n = split(list, part, ",")
      for (i = 1; i <= n; i++) if (part[i] == one) return 1
      return 0
    }
    function missing(list,   i, n, part, all) {
      n = split(ENVIRON["WANT_VALUE"], part, ",")
      for (i = 1; i <= n; i++) if (!holds(list "," all, part[i])) all = all (all == "" ? "" : ",") part[i]
      return all
    }
    function is_wanted() {
      if (times != 1) return 0
      return merge == "yes" ? missing(trim(now[1])) == "" : now[1] == ENVIRON["WANT_VALUE"]
    }
    function put(s, crlf) {
      if (written++) printf "%s%s\n", held, held_cr ? "\r" : ""
      held = s
      held_cr = crlf
    }
    function edit_line(i,   s, more, j) {
      s = text[i]
      if (merge == "yes") {
        if (i != last[1]) { put(s, cr[i]); return }
        more = trim(now[1])
        for (j = 2; j <= times; j++) if (trim(now[j]) != "") more = more "," trim(now[j])
        j = more
        more = missing(more)
        more = substr(j, length(trim(now[1])) + 1) (more == "" ? "" : "," more)
        sub(/[ \t]+$/, "", s)
        if (trim(now[1]) == "" || s ~ /,$/) sub(/^,/, "", more)
        put(s (s ~ /[=:]$/ && trim(now[1]) == "" ? " " : "") more, cr[i])
        return
      }
      if (i != start[1]) return
      match(s, /^[ \t\f\v]*[^=:]*[=:][ \t]*/)
      put(substr(s, 1, RLENGTH) ENVIRON["WANT_VALUE"], cr[i])
    }
    BEGIN { key = tolower(ENVIRON["WANT_KEY"]) }
    {
      line = $0
      cr[++lines] = sub(/\r$/, "", line)
      text[lines] = line
      body = trim(line)
      if (body == "" || body ~ /^[#;]/) next
      match(line, /[^ \t\f\v]/)
      indent = RSTART - 1
      if (section != "" && option != "" && indent > level) { takes(body, 0); next }
      level = indent
      if (body ~ /^\[[^]]+\]/) opens(substr(body, 2, index(body, "]") - 2))
      else if (section == "") wrong("line " lines " stands before the first section")
      else sets(body)
    }
    END {
      if (mode == "problem") { print problem; exit }
      if (mode == "value") { for (i = 1; i <= times; i++) print trim(now[i]); exit }
      if (mode == "wanted") { print is_wanted() ? "yes" : "no"; exit }
      if (mode == "dump") { for (i = 1; i <= others; i++) print other[i]; exit }
      final = cr[lines]
      if (open_end == "yes") cr[lines] = cr[1]
      if (!here) {
        for (i = 1; i <= lines; i++) put(text[i], cr[i])
        if (lines && trim(text[lines]) != "") put("", cr[1])
        put("[SnapshotThread]", cr[1])
        put(ENVIRON["WANT_KEY"] " = " ENVIRON["WANT_VALUE"], cr[1])
      } else for (i = 1; i <= lines; i++) {
        if (!(i in mine)) put(text[i], cr[i])
        else if (mine[i] == 1) edit_line(i)
        if (i == here && !times) put(margin ENVIRON["WANT_KEY"] " = " ENVIRON["WANT_VALUE"], cr[i])
      }
      if (open_end == "yes") printf "%s%s", held, final ? "\r" : ""
      else printf "%s%s\n", held, held_cr ? "\r" : ""
    }'
}

# conf_template: the newest file that the extension brings, or nothing.
conf_template() {
  for _file in /var/lib/waagent/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-*/main/tempPlugin/vmbackup.conf; do
    if [ -f "$_file" ] && [ ! -L "$_file" ]; then printf '%s\n' "$_file"; fi
  done | awk '{
    version = $0
    sub(/^.*VMSnapshotLinux-/, "", version)
    sub(/\/.*$/, "", version)
    n = split(version, part, ".")
    rank = ""
    for (i = 1; i <= 4; i++) rank = rank sprintf("%010d", i <= n ? part[i] : 0)
    if (rank > best) { best = rank; newest = $0 }
  } END { print newest }'
}

# readable_conf FILE: sets PROBLEM to why it cannot be edited; empty when it can.
readable_conf() {
  PROBLEM=''
  if [ -L "$1" ]; then
    PROBLEM="$1 is a symbolic link"
  elif [ ! -f "$1" ]; then
    PROBLEM="$1 is no plain file"
  elif [ "$(stat -c %s -- "$1")" -gt "$MOST_CONF" ]; then
    PROBLEM="$1 is larger than 1 MiB: that is no configuration"
  elif [ "$(tr -cd '\000\200-\377' <"$1" | wc -c)" -gt 0 ]; then
    PROBLEM="$1 is not ASCII: convert it first (fix_vmbackup_conf_encoding)"
  else
    PROBLEM=$(conf problem <"$1")
    [ -z "$PROBLEM" ] || PROBLEM="the extension cannot read $1: $PROBLEM"
  fi
}

# look_at_conf: what the key is, and whether it is as wanted.
look_at_conf() {
  SOURCE=/dev/null PROBLEM='' VALUE=''
  if [ -e "$CONF" ] || [ -L "$CONF" ]; then
    SOURCE=$CONF
    readable_conf "$CONF"
    found_text file "$CONF"
  else
    _template=$(conf_template)
    if [ -n "$_template" ]; then readable_conf "$_template"; fi
    if [ -n "$_template" ] && [ -z "$PROBLEM" ]; then SOURCE=$_template; fi
    PROBLEM=''
    if [ "$SOURCE" = /dev/null ]; then found_text file absent; else found_text file "absent; there is $SOURCE to begin with"; fi
  fi
  if [ -n "$PROBLEM" ]; then
    found_text would_refuse "$PROBLEM"
    need_it
    return
  fi
  VALUE=$(conf value <"$SOURCE")
  found_text value "$VALUE"
  if [ "$SOURCE" != "$CONF" ] || [ "$(conf wanted <"$CONF")" != yes ]; then need_it; fi
}

# edit_conf: sets the key, after it has proved that nothing else would be read differently.
edit_conf() {
  [ -z "$PROBLEM" ] || refuse "$PROBLEM"
  if snapshot_running; then refuse 'a backup is at work, and its extension writes this file too: try again later'; fi
  OPEN_END=no
  if [ -s "$SOURCE" ] && [ -n "$(tail -c 1 -- "$SOURCE")" ]; then OPEN_END=yes; fi
  [ "$(conf edit <"$SOURCE" | conf problem)$(conf edit <"$SOURCE" | conf wanted)" = yes ] ||
    refuse "$KEY cannot be set without making $CONF unreadable"
  [ "$(conf edit <"$SOURCE" | conf dump | sha256sum)" = "$(conf dump <"$SOURCE" | sha256sum)" ] ||
    refuse "$KEY cannot be set without changing other settings in $CONF"
  if [ "$SOURCE" = "$CONF" ]; then
    edit_file "$CONF" conf edit
  else
    if [ ! -d /etc/azure ]; then
      record_value directory /etc/azure absent
      mkdir -m 755 /etc/azure || fail '/etc/azure cannot be made'
    fi
    write_file "$CONF" 644 "$(conf edit <"$SOURCE")"
  fi
  changed setting "$CONF [SnapshotThread] $KEY" "$VALUE" "$(conf value <"$CONF")"
}

undo_it() {
  restore_record
  if recorded directory /etc/azure >/dev/null; then rmdir /etc/azure 2>/dev/null || say '/etc/azure is not empty: it stays'; fi
}
