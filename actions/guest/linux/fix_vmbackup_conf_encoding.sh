#!/bin/sh
# Makes /etc/azure/vmbackup.conf ASCII. A character that ASCII does not have becomes a question mark in a comment;
# anywhere else it would be lost, and the file stays as it is.

CONF=/etc/azure/vmbackup.conf
MOST_CONF=1048576

check_it() {
  ENCODING='' PROBLEM=''
  if [ ! -e "$CONF" ] && [ ! -L "$CONF" ]; then
    found_text file absent
    return
  fi
  found_text file "$CONF"
  if [ -L "$CONF" ] || [ ! -f "$CONF" ]; then
    PROBLEM="$CONF is no plain file"
  elif [ "$(stat -c %s -- "$CONF")" -gt "$MOST_CONF" ]; then
    PROBLEM="$CONF is larger than 1 MiB: that is no configuration"
  else
    ENCODING=$(encoding_of)
    found_text encoding "$ENCODING"
    [ "$ENCODING" != ASCII ] || return 0
    find_problem
  fi
  need_it
  if [ -n "$PROBLEM" ]; then found_text would_refuse "$PROBLEM"; fi
}

encoding_of() {
  case $(od -An -v -tx1 -N 4 "$CONF" | tr -d ' \n') in
    efbbbf*) printf 'UTF-8 with a byte order mark' && return ;;
    fffe0000 | 0000feff) printf 'UTF-32' && return ;;
    fffe*) printf 'UTF-16LE with a byte order mark' && return ;;
    feff*) printf 'UTF-16BE with a byte order mark' && return ;;
  esac
  if [ "$(tr -cd '\000' <"$CONF" | wc -c)" -gt 0 ]; then
    od -An -v -tx1 "$CONF" | awk '
      { for (i = 1; i <= NF; i++) if ($i == "00") zero[bytes++ % 2]++; else bytes++ }
      END {
        if (bytes % 2 == 0 && !zero[0] && zero[1]) print "UTF-16LE"
        else if (bytes % 2 == 0 && !zero[1] && zero[0]) print "UTF-16BE"
        else print "unknown, with zero bytes"
      }'
  elif [ "$(tr -cd '\200-\377' <"$CONF" | wc -c)" = 0 ]; then
    printf ASCII
  elif iconv -f UTF-8 -t UTF-8 <"$CONF" >/dev/null 2>&1; then
    printf UTF-8
  else
    printf 'unknown, with 8 bits'
  fi
}

# find_problem: sets PROBLEM to why it cannot be converted without a loss.
find_problem() {
  if ! has iconv; then
    PROBLEM='iconv is missing'
  else
    case $ENCODING in
      UTF-32 | *'zero bytes') PROBLEM="the encoding is $ENCODING: somebody has to look at it" ;;
      UTF-16*) to_utf8 <"$CONF" >/dev/null 2>&1 || PROBLEM="it is broken $ENCODING" ;;
    esac
  fi
  [ -z "$PROBLEM" ] || return 0
  PROBLEM=$(to_utf8 <"$CONF" | awk '
    /[\200-\377]/ && !/^[ \t]*[#;]/ { print "line " NR " has a character outside of a comment that ASCII lacks"; exit }')
  if [ -z "$PROBLEM" ] && [ "$(to_ascii <"$CONF" | tr -cd '\000\200-\377' | wc -c)" -gt 0 ]; then
    PROBLEM='it has characters that ASCII lacks'
  fi
}

# to_utf8: what stdin says, as UTF-8 without a byte order mark.
to_utf8() {
  case $ENCODING in
    UTF-8*mark) tail -c +4 ;;
    UTF-16LE*mark) tail -c +3 | iconv -f UTF-16LE -t UTF-8 ;;
    UTF-16BE*mark) tail -c +3 | iconv -f UTF-16BE -t UTF-8 ;;
    UTF-16LE) iconv -f UTF-16LE -t UTF-8 ;;
    UTF-16BE) iconv -f UTF-16BE -t UTF-8 ;;
    *) cat ;;
  esac
}

# to_ascii: what stdin says, as ASCII; in comments a question mark for every other character.
to_ascii() {
  _open=no
  if [ -n "$(to_utf8 <"$CONF" | tail -c 1)" ]; then _open=yes; fi
  to_utf8 | awk -v open_end="$_open" -v encoding="$ENCODING" '
    NR > 1 { printf "\n" }
    {
      if ($0 ~ /^[ \t]*[#;]/) {
        if (encoding !~ /8 bits/) gsub(/[\300-\377][\200-\277]*/, "?")
        gsub(/[\200-\377]/, "?")
      }
      printf "%s", $0
    }
    END { if (NR && open_end == "no") printf "\n" }'
}

settings() { grep -v '^[[:blank:]]*[#;]' | sha256sum; }

apply_it() {
  [ -z "$PROBLEM" ] || refuse "$PROBLEM"
  if snapshot_running; then refuse 'a backup is at work, and its extension writes this file too: try again later'; fi
  [ "$(to_ascii <"$CONF" | settings)" = "$(to_utf8 <"$CONF" | settings)" ] ||
    refuse 'the settings would not be the same afterwards'
  _was=$ENCODING
  edit_file "$CONF" to_ascii
  changed encoding "$CONF" "$_was" ASCII
}

undo_it() { restore_record; }

run_script
