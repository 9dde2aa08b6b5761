#!/bin/sh
# Puts the agent's logs and XML files into one archive that only root can read, with secrets blacked out.

RECENT=3600              # an archive is new enough for an hour
MOST_OF_ONE=2097152      # bytes of a file: the last ones
MOST_FILES=200
FREE_KB=102400           # what has to be free before anything is written
SECRET='([Pp]ass([Ww]ord|[Ww]d|[Pp]hrase)|[Ss]ecret|[Aa]ccount_?[Kk]ey|[Ss]as_?[Tt]oken)'
ARCHIVE=$RECORD/waagent-logs.tar.gz

check_it() {
  _age=$(stat -c %Y "$ARCHIVE" 2>/dev/null) || _age=0
  if [ $(($(date +%s) - _age)) -gt "$RECENT" ]; then need_it; fi
  if [ -f "$ARCHIVE" ]; then
    found_text archive "$ARCHIVE"
    found_number bytes "$(stat -c %s "$ARCHIVE")"
    found_number files "$(tar -tzf "$ARCHIVE" 2>/dev/null | wc -l)"
  fi
}

# sources: the files, a line each. ovf-env.xml and certificates hold nothing but secrets.
sources() {
  for _file in /var/lib/waagent/*.xml; do
    case ${_file##*/} in ovf-env.xml | Certificates*) continue ;; esac
    printf '%s\n' "$_file"
  done
  printf '%s\n' /var/log/waagent.log
  limited 60 find /var/log/azure -xdev -type f ! -name '*.gz' ! -name '*.zip' ! -name '*.tar' 2>/dev/null | sort
}

apply_it() {
  has tar || fail 'the tool tar is missing'
  open_record
  _free=$(df -Pk "$RECORD" | awk 'NR == 2 { print $4 }')
  [ "${_free:-0}" -ge "$FREE_KB" ] || refuse "less than 100 MB are free for $RECORD"
  WORK=$RECORD/collecting
  rm -rf -- "$WORK"
  mkdir "$WORK" || fail "$WORK cannot be made"
  each_line collect "$(sources | head -n "$MOST_FILES")"
  DROP=$RECORD/archive.new
  limited 200 tar -czf "$DROP" -C "$WORK" . || fail "the archive cannot be written to $RECORD"
  chmod 600 "$DROP"
  mv -f -- "$DROP" "$ARCHIVE" || fail "the archive cannot be written to $RECORD"
  DROP=''
  rm -rf -- "$WORK"
  changed archive "$ARCHIVE" '' "$(stat -c %s "$ARCHIVE") bytes"
}

collect() {
  [ -f "$1" ] && [ ! -L "$1" ] || return 0
  mkdir -p "$WORK$(dirname -- "$1")" || fail "$WORK cannot be filled"
  tail -c "$MOST_OF_ONE" -- "$1" | black_out >"$WORK$1" || fail "$WORK cannot be filled"
}

black_out() {
  sed -E \
    -e 's/(protectedSettings(&quot;|\\*")[[:space:]]*:[[:space:]]*(&quot;|\\*"))([^"&\\<]|\\[^"])*/\1REDACTED/g' \
    -e 's/((^|[?&;"])sig=)[^&"<[:space:]]*/\1REDACTED/g' \
    -e "s/($SECRET(&quot;|\\\\*\")?[[:space:]]*[=:>][[:space:]]*(&quot;|\\\\*\")?)[^\"&\\\\<[:space:];,]+/\\1REDACTED/g" \
    -e 's/[A-Za-z0-9+\/=]{60,}/REDACTED/g'
}

run_script
