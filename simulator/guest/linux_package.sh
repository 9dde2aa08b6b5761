#!/bin/sh
# The package managers of a simulated guest, which have one package: the agent's. In /run/simulator/package: name,
# installed (nothing: no such package), known (what the last look at the repositories saw), offered, reachable.
at=/run/simulator/package
name=$(cat "$at/name")
installed=$(cat "$at/installed" 2>/dev/null)
known=$(cat "$at/known" 2>/dev/null)
tool=${0##*/}
asked=''
for word in "$@"; do
  case $word in -*) ;; *) asked="$asked $word" ;; esac
done
has() { case " $asked " in *" $1 "*) ;; *) return 1 ;; esac; }
given() {
  for word in "$@"; do
    if [ "$word" = "$flag" ]; then return 0; fi
  done
  return 1
}
look() { for one in /var/lib/apt/lists/*_* /var/cache/dnf/*/repodata/repomd.xml; do if [ -e "$one" ]; then touch "$one"; fi; done; }
reach() {
  if [ -e "$at/reachable" ]; then cat "$at/offered" >"$at/known"; look; return 0; fi
  echo "$tool: the repository cannot be reached" >&2
  exit "$1"
}
install() {
  cat "$at/known" >"$at/installed"
  sed "s/-.*//" "$at/known" >/run/simulator/agent-version
  systemctl restart "$(cat "$at/service")"
}
refuse() { echo "$tool: the simulated guest does not know: $tool $*" >&2; exit 2; }
case $tool in
  dpkg-query)
    if [ -z "$installed" ] || ! has "$name"; then echo "dpkg-query: no packages found" >&2; exit 1; fi
    case "$*" in *Status-Abbrev*) printf 'ii %s' "$installed" ;; *) printf '%s' "$installed" ;; esac ;;
  dpkg) case "$*" in --audit) ;; *) refuse "$@" ;; esac ;;
  apt-cache) if has "$name"; then printf '%s:\n  Installed: %s\n  Candidate: %s\n' "$name" "$installed" "$known"; fi ;;
  apt-get)
    flag=-s
    if has update; then reach 100
    elif has install && has "$name"; then
      if [ "$installed" = "$known" ]; then echo "$name is already the newest version ($installed)."
      elif given "$@"; then printf 'Inst %s [%s] (%s)\nConf %s (%s)\n' "$name" "$installed" "$known" "$name" "$known"
      else install; fi
    else refuse "$@"; fi ;;
  rpm)
    case "$*" in -q*) ;; *) refuse "$@" ;; esac
    if [ -z "$installed" ] || ! has "$name"; then echo "package is not installed"; exit 1; fi
    printf '%s' "$installed" ;;
  dnf | yum)
    flag=--assumeno
    if has check-update; then
      flag=-C
      given "$@" || reach 1
      [ -z "$known" ] || [ "$installed" = "$known" ] || exit 100
    elif { has update || has upgrade; } && has "$name"; then
      if given "$@"; then printf 'Upgrade  1 Package\n\nOperation aborted.\n'; exit 1; fi
      install
    else refuse "$@"; fi ;;
  *) refuse "$@" ;;
esac
