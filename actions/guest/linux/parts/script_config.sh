#!/bin/sh
# shellcheck shell=sh
# Common to the scripts that read /etc/azure/VMSnapshotScriptPluginConfig.json, which names the scripts that run before
# and after a snapshot.

JSON=/etc/azure/VMSnapshotScriptPluginConfig.json
MOST_JSON=65536

# json_members: the members of the one object on stdin, strictly, a line for each, with tabs between: name, type,
# offset and length of the value in bytes, the value. Types: string, odd (a string with control characters), number,
# true, false, null, object, array, strings (an array of strings). A line "error" and what is wrong when it is no JSON.
json_members() {
  # shellcheck disable=SC2016
  awk '
    function fail(what) { if (error == "") error = what " at byte " at - 1; return "" }
    function blank() { while (substr(all, at, 1) ~ /^[ \t\r\n]$/) at++ }
    function utf8(code) {
      if (code < 128) return sprintf("%c", code)
      if (code < 2048) return sprintf("%c%c", 192 + int(code / 64), 128 + code % 64)
      if (code < 65536) return sprintf("%c%c%c", 224 + int(code / 4096), 128 + int(code / 64) % 64, 128 + code % 64)
      return sprintf("%c%c%c%c", 240 + int(code / 262144), 128 + int(code / 4096) % 64, \
        128 + int(code / 64) % 64, 128 + code % 64)
    }
    function hex(s,   i, n) {
      if (s !~ /^[0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f]$/) { fail("a bad escape"); return 0 }
      for (i = 1; i <= 4; i++) n = n * 16 + index("0123456789abcdef", tolower(substr(s, i, 1))) - 1
      return n
    }
    function string(   c, out, code, low, e) {
      odd = 0
      at++
      while (error == "") {
        c = substr(all, at, 1)
        if (c == "") return fail("a string without an end")
        if (c == "\"") { at++; return out }
        if (c < " ") return fail("a control character in a string")
        if (c != "\\") { if (c == "\177") odd = 1; out = out c; at++; continue }
        e = substr(all, at + 1, 1)
        if (e == "u") {
          code = hex(substr(all, at + 2, 4))
          at += 6
          if (code >= 55296 && code < 56320 && substr(all, at, 2) == "\\u") {
            low = hex(substr(all, at + 2, 4))
            if (low >= 56320 && low < 57344) { code = 65536 + (code - 55296) * 1024 + low - 56320; at += 6 }
          }
          if (code < 32 || code == 127 || (code >= 55296 && code < 57344)) { odd = 1; code = 63 }
          out = out utf8(code)
        } else if (e != "" && index("\"\\/", e)) { out = out e; at += 2 }
        else if (e != "" && index("bfnrt", e)) { odd = 1; out = out "?"; at += 2 }
        else return fail("a bad escape")
      }
    }
    function value(depth,   c, rest) {
      kind = text = ""
      if (depth > 50) return fail("too many levels")
      c = substr(all, at, 1)
      if (c == "\"") { text = string(); kind = odd ? "odd" : "string"; return }
      if (c == "{") { members(depth); kind = "object"; return }
      if (c == "[") { elements(depth); return }
      rest = substr(all, at, 400)
      if (match(rest, /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/)) kind = "number"
      else if (match(rest, /^(true|false|null)/)) kind = substr(rest, 1, RLENGTH)
      else return fail("no value")
      text = substr(rest, 1, RLENGTH)
      at += RLENGTH
    }
    function elements(depth,   all_strings) {
      all_strings = 1
      at++
      blank()
      if (substr(all, at, 1) == "]") { at++; kind = "strings"; text = ""; return }
      while (error == "") {
        blank()
        value(depth + 1)
        if (kind != "string") all_strings = 0
        blank()
        if (substr(all, at, 1) == "]") { at++; kind = all_strings ? "strings" : "array"; text = ""; return }
        if (substr(all, at, 1) != ",") return fail("no comma")
        at++
      }
    }
    function members(depth,   name, from) {
      at++
      blank()
      if (substr(all, at, 1) == "}") { at++; text = ""; return }
      while (error == "") {
        blank()
        if (substr(all, at, 1) != "\"") return fail("no name")
        name = string()
        if (odd) name = "?"
        blank()
        if (substr(all, at, 1) != ":") return fail("no colon")
        at++
        blank()
        from = at
        value(depth + 1)
        if (depth == 0) line[++lines] = name "\t" kind "\t" from - 1 "\t" at - from "\t" text
        blank()
        if (substr(all, at, 1) == "}") { at++; text = ""; return }
        if (substr(all, at, 1) != ",") return fail("no comma")
        at++
      }
    }
    { all = all $0 "\n" }
    END {
      at = 1
      blank()
      if (substr(all, at, 1) == "{") members(0)
      else fail("no object")
      blank()
      if (error == "" && at <= length(all)) fail("something behind the object")
      if (error != "") { print "error\t" error; exit }
      for (i = 1; i <= lines; i++) print line[i]
    }'
}

# read_json: sets MEMBERS to its members, and PROBLEM to why it cannot be read.
read_json() {
  MEMBERS='' PROBLEM=''
  if [ -L "$JSON" ] || [ ! -f "$JSON" ]; then
    PROBLEM="$JSON is no plain file"
  elif [ "$(stat -c %s -- "$JSON")" -gt "$MOST_JSON" ]; then
    PROBLEM="$JSON is larger than 64 KiB: that is no configuration"
  elif [ "$(tr -cd '\000' <"$JSON" | wc -c)" -gt 0 ]; then
    PROBLEM="$JSON has zero bytes: it is no JSON in UTF-8"
  else
    MEMBERS=$(json_members <"$JSON")
    case $MEMBERS in "error$TAB"*) PROBLEM="$JSON is no JSON: ${MEMBERS#*"$TAB"}" MEMBERS='' ;; esac
  fi
}

# member NAME: sets KIND, OFFSET, LENGTH and VALUE of a member, and TIMES to how often it stands there.
# shellcheck disable=SC2034
member() {
  KIND='' OFFSET='' LENGTH='' VALUE=''
  TIMES=$(printf '%s\n' "$MEMBERS" | NAME=$1 awk -F '\t' '$1 == ENVIRON["NAME"]' | grep -c .)
  [ "$TIMES" -gt 0 ] || return 0
  _line=$(printf '%s\n' "$MEMBERS" | NAME=$1 awk -F '\t' '$1 == ENVIRON["NAME"]' | tail -n 1)
  KIND=$(printf '%s\n' "$_line" | cut -f 2)
  OFFSET=$(printf '%s\n' "$_line" | cut -f 3)
  LENGTH=$(printf '%s\n' "$_line" | cut -f 4)
  VALUE=$(printf '%s\n' "$_line" | cut -f 5-)
}

# python_says FILE: what the extension's own reader says: nothing when it can read it, else the error. Status 2 without
# Python 3.
python_says() {
  for _python in python3 /usr/libexec/platform-python; do
    has "$_python" || continue
    limited 20 "$_python" -I -S -c '
import json, sys
try:
    found = json.loads(open(sys.argv[1], "rb").read().decode("utf-8"))
    if not isinstance(found, dict):
        print("no object")
except (ValueError, RecursionError) as error:
    print(str(error).splitlines()[0])
' "$1"
    return
  done
  return 2
}
