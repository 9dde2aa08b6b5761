#!/bin/sh
# Updates the agent's package, and nothing else, from the repositories that this system already has. The installation is
# a task of its own: the package restarts the agent, and with it everything that runs under it.

FRESH=86400 # what is known about the repositories is good for a day

check_it() {
  MANAGER=''
  case $(os_family) in
    debian | ubuntu) _managers=apt-get ;;
    redhat) _managers='dnf yum' ;;
    suse) _managers=zypper ;;
    *) _managers='apt-get dnf yum zypper' ;;
  esac
  for _one in $_managers; do
    if has "$_one"; then
      MANAGER=$_one
      break
    fi
  done
  [ -n "$MANAGER" ] || refuse "the package manager of this distribution is not here ($_managers)"
  PACKAGE=$(installed)
  [ -n "$PACKAGE" ] || refuse 'the agent was not installed from a package of this distribution'
  VERSION=$(version_of "$PACKAGE")
  found_text package "$PACKAGE"
  found_text installed "$VERSION"
  found_text package_manager "$MANAGER"
  _offered=$(offered)
  found_text offered "$_offered"
  if [ -z "$_offered" ] || [ "$_offered" != "$VERSION" ]; then need_it; fi
}

installed() {
  for _package in walinuxagent waagent WALinuxAgent python3-azure-agent python-azure-agent; do
    if [ -n "$(version_of "$_package")" ]; then
      printf '%s' "$_package"
      return
    fi
  done
}

version_of() {
  if [ "$MANAGER" = apt-get ]; then
    # shellcheck disable=SC2016
    limited 30 dpkg-query -W -f '${db:Status-Abbrev}${Version}' "$1" 2>/dev/null | sed -n 's/^.i *//p'
  else
    limited 60 rpm -q --qf '%{VERSION}-%{RELEASE}' "$1" 2>/dev/null | grep -v 'not installed'
  fi
}

# offered: the version that the repositories had when they were asked last; nothing when that is too long ago.
offered() {
  case $MANAGER in
    apt-get)
      [ "$(index_files)" -gt 0 ] && [ "$(age_of /var/lib/apt/lists)" -lt "$FRESH" ] || return 0
      limited 60 apt-cache -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= policy "$PACKAGE" 2>/dev/null |
        sed -n 's/^ *Candidate: *//p'
      ;;
    dnf | yum)
      [ -n "$(find "/var/cache/$MANAGER" -name repomd.xml -mmin -1440 2>/dev/null | head -n 1)" ] || return 0
      limited 60 "$MANAGER" -q -C check-update "$PACKAGE" >/dev/null 2>&1
      case $? in 0) printf '%s' "$VERSION" ;; 100) printf newer ;; esac
      ;;
    zypper)
      [ -n "$(find /var/cache/zypp/raw -name cookie -mmin -1440 2>/dev/null | head -n 1)" ] || return 0
      _list=$(limited 60 zypper --non-interactive --no-refresh list-updates -t package 2>/dev/null) || return 0
      case $_list in *"| $PACKAGE "*) printf newer ;; *) printf '%s' "$VERSION" ;; esac
      ;;
  esac
}

# index_files: a new machine has none.
index_files() { find /var/lib/apt/lists -maxdepth 1 -name '*_*' | wc -l; }

age_of() {
  _newest=$(stat -c %Y "$1" "$1"/* 2>/dev/null | sort -n | tail -n 1)
  echo $(($(date +%s) - ${_newest:-0}))
}

apply_it() {
  may_restart_agent
  if task_waits; then
    WORK_LATER=yes
    PENDING='agent update'
    return
  fi
  not_busy
  say "asking the repositories with $MANAGER"
  umask 022 # what a package manager makes is for everybody
  refresh
  umask 077
  if [ "$NEWER" = no ]; then
    NEEDED=false
    return
  fi
  only_this
  WORK_LATER=yes
  hand_over 'agent update' "$(task_of)" "$MANAGER" "$PACKAGE" "$(agent_service)"
}

# not_busy: refuses while another package manager is at work, or has left something half done.
not_busy() {
  limited 20 ps -e -o comm= | grep -qxE 'apt|apt-get|aptitude|dpkg|yum|dnf|dnf5|zypper|rpm' &&
    refuse 'another package manager is at work'
  for _lock in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/lib/rpm/.rpm.lock; do
    [ -e "$_lock" ] || continue
    if grep -q ":$(stat -c %i "$_lock") " /proc/locks; then refuse "another package manager holds $_lock"; fi
  done
  if [ "$MANAGER" = apt-get ] && [ -n "$(limited 60 dpkg --audit 2>/dev/null)" ]; then
    refuse 'dpkg was interrupted before: run dpkg --configure -a first'
  fi
}

# refresh: asks the repositories; sets NEWER to yes or no.
refresh() {
  NEWER=yes
  case $MANAGER in
    apt-get)
      # shellcheck disable=SC2046
      _said=$(limited 200 apt-get -q $(apt_options) -o APT::Update::Error-Mode=any update 2>&1) ||
        refuse 'a repository cannot be reached (apt-get update)'
      case $_said in *'Failed to fetch'* | *'Some index files failed'*)
        refuse 'a repository cannot be reached (apt-get update)' ;;
      esac
      [ "$(offered)" != "$VERSION" ] || NEWER=no
      ;;
    dnf | yum)
      limited 200 "$MANAGER" -q check-update "$PACKAGE" >&2
      case $? in
        0) NEWER=no ;;
        100) ;;
        *) refuse "a repository cannot be reached ($MANAGER check-update)" ;;
      esac
      ;;
    zypper)
      limited 200 zypper --non-interactive refresh >&2 || refuse 'a repository cannot be reached (zypper refresh)'
      limited 60 zypper --non-interactive --no-refresh list-updates -t package 2>/dev/null |
        grep -qF "| $PACKAGE " || NEWER=no
      ;;
  esac
}

# only_this: refuses unless the package manager would update this one package, and install and remove none.
only_this() {
  case $MANAGER in
    apt-get)
      # shellcheck disable=SC2046
      _plan=$(limited 120 apt-get -q -s $(apt_options) --only-upgrade install "$PACKAGE" 2>&1) ||
        refuse 'apt-get finds no way to update the package'
      _others=$(printf '%s\n' "$_plan" | awk -v own="$PACKAGE" '/^(Inst|Remv) / && !($1 == "Inst" && $2 == own) { print $2 }')
      ;;
    dnf | yum)
      _plan=$(limited 200 "$MANAGER" --assumeno update "$PACKAGE" 2>&1)
      _others=$(printf '%s\n' "$_plan" | grep -E '^(Install|Remove|Downgrade|Upgrade) +[0-9]+ ' | grep -vE '^Upgrade +1 Package$')
      printf '%s\n' "$_plan" | grep -qE '^Upgrade +1 Package$' || _others="$_others unknown"
      ;;
    zypper)
      _plan=$(limited 200 zypper --non-interactive update --dry-run "$PACKAGE" 2>&1)
      _others=$(printf '%s\n' "$_plan" | grep -E '^[0-9]+ (new )?packages? to ' | grep -vx '1 package to upgrade\.')
      printf '%s\n' "$_plan" | grep -qx '1 package to upgrade\.' || _others="$_others unknown"
      ;;
  esac
  [ -z "$_others" ] || refuse "the update would change other packages as well: $(printf '%s' "$_others" | tr '\n' ' ')"
}

apt_options() {
  printf '%s ' -y --no-install-recommends -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    -o Acquire::Retries=1 -o Acquire::http::Timeout=30
}

task_of() {
  # shellcheck disable=SC2016
  printf '%s\n' 'umask 022' 'export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 NEEDRESTART_MODE=l' \
    'version() {' \
    '  if [ "$1" = apt-get ]; then dpkg-query -W -f "\${Version}" "$2"; else rpm -q --qf "%{VERSION}-%{RELEASE}" "$2"; fi' \
    '}' \
    'before=$(version "$1" "$2")' \
    'case $1 in' \
    "  apt-get) timeout -k 60 900 apt-get -q $(apt_options) --only-upgrade install \"\$2\" ;;" \
    '  zypper) timeout -k 60 900 zypper --non-interactive update "$2" ;;' \
    '  *) timeout -k 60 900 "$1" -y update "$2" ;;' \
    'esac >task.log 2>&1' \
    'status=$?' \
    'after=$(version "$1" "$2")' \
    'if [ -d /run/systemd/system ]; then' \
    '  systemctl is-active "$3.service" || systemctl start "$3.service"' \
    'else service "$3" status || service "$3" start; fi >>task.log 2>&1' \
    'if [ "$status" = 0 ] && [ "$before" != "$after" ]; then result true "$2 $before to $after"' \
    'else result false "$2 is $after, the package manager ended with status $status, see task.log"; fi'
}

run_script
