#!/bin/sh
# Looks at everything that backup depends on. Every part stands alone: one that cannot be told is null.

LIB=/var/lib/waagent
EXTENSION=Microsoft.Azure.RecoveryServices.VMSnapshotLinux
CONF=/etc/azure/vmbackup.conf
SCRIPTS=/etc/azure/VMSnapshotScriptPluginConfig.json
SERVER=168.63.129.16

check_it() {
  AGENT=$(agent_service)
  text os os_name
  found_text agent_service "$AGENT"
  text agent_state agent_state
  flag agent_enabled agent_enabled
  flag agent_process agent_process
  text agent_version agent_version
  text agent_restart agent_restart
  text python python_version
  text extensions_enable extensions_enable
  text provisioning_agent provisioning_agent
  text auto_update auto_update
  text http_proxy http_proxy
  lines unclean unclean
  lines duplicate_mounts duplicate_mounts
  lines stale_mounts stale_mounts
  lines failed_freeze failed_freeze
  vmbackup
  flag vmbackup_ascii vmbackup_ascii
  number root_free_mb root_free_mb
  number root_free_percent root_free_percent
  text selinux selinux
  number selinux_denials selinux_denials
  found_object wireserver
  for _port in 80 32526; do found_member_flag wireserver "$_port" "$(reaches "$SERVER" "$_port")"; done
  flag dns dns
  flag dhcp dhcp
  flag reboot_required reboot_required
  flag time_synced time_synced
  text script_config script_config
  lines script_permissions script_permissions
  text extension_log extension_log
  lines vmsnapshot_dirs vmsnapshot_dirs
  number goal_state_files goal_state_files
  lines logs logs
  number cpu_percent cpu_percent
  number memory_percent memory_percent
  number data_disks data_disks
}

# text, number, flag, lines KEY FUNCTION: what the function prints; null when it fails.
text() { if _seen=$("$2" 2>/dev/null); then found_text "$1" "$_seen"; else found_null "$1"; fi; }
number() { if _seen=$("$2" 2>/dev/null); then found_number "$1" "$_seen"; else found_null "$1"; fi; }
flag() { if _seen=$("$2" 2>/dev/null); then found_flag "$1" "$_seen"; else found_null "$1"; fi; }
lines() { if _seen=$("$2" 2>/dev/null); then found_lines "$1" "$_seen"; else found_null "$1"; fi; }

# ---- the agent ---------------------------------------------------------------------------------------------------

os_name() { printf '%s %s' "$(os_release ID)" "$(os_release VERSION_ID)"; }

agent_state() { if [ -n "$AGENT" ]; then service_state "$AGENT"; else printf unknown; fi; }

agent_enabled() {
  [ -n "$AGENT" ] || { printf no && return; }
  case $(service_property "$AGENT" UnitFileState) in
    enabled* | static | alias | indirect | generated) printf yes ;;
    disabled | masked*) printf no ;;
    *) return 1 ;;
  esac
}

# agent_process: not everything that lies in /var/lib/waagent is the agent; this script may be one.
agent_process() {
  _all=$(limited 20 ps -e -o args=) || return 1
  if printf '%s\n' "$_all" | grep -qE '(^|[ /])waagent -(daemon|run-exthandlers)|-run-exthandlers( |$)'; then
    printf yes
  else
    printf no
  fi
}

agent_version() {
  has waagent || return 0
  _said=$(limited 20 waagent --version) || return 1
  _now=$(printf '%s\n' "$_said" | sed -n 's/^Goal state agent: *\([0-9][0-9.]*\).*/\1/p' | head -n 1)
  [ -n "$_now" ] || _now=$(printf '%s\n' "$_said" | sed -n 's/^WALinuxAgent-\([0-9][0-9.]*\).*/\1/p' | head -n 1)
  printf '%s' "$_now"
}

agent_restart() { if [ -n "$AGENT" ]; then service_property "$AGENT" Restart; fi; }

python_version() {
  for _python in python3 python python2 /usr/libexec/platform-python; do
    has "$_python" || continue
    limited 10 "$_python" --version 2>&1 | sed -n 's/^Python //p'
    return
  done
}

extensions_enable() { agent_setting Extensions.Enabled || agent_setting Extensions.Enable || printf missing; }
provisioning_agent() { agent_setting Provisioning.Agent || printf missing; }
auto_update() { agent_setting AutoUpdate.Enabled || printf missing; }
http_proxy() {
  _host=$(agent_setting HttpProxy.Host) || return 0
  case $_host in '' | None) return 0 ;; esac
  _port=$(agent_setting HttpProxy.Port) || _port=''
  printf '%s' "$_host${_port:+:$_port}"
}

# ---- file systems ------------------------------------------------------------------------------------------------

# plain TEXT: the escapes of /proc/self/mounts and /etc/fstab, undone.
plain() { printf '%s\n' "$1" | sed 's/\\040/ /g;s/\\011/\t/g;s/\\134/\\/g'; }

# unclean: mounted ext file systems, and those of /etc/fstab that are not mounted, whose superblock is not clean.
unclean() {
  has tune2fs || return 1
  { cat /proc/self/mounts && grep -v '^[[:space:]]*#' /etc/fstab; } | awk '$3 ~ /^ext[234]$/ { print $1, $2, $3 }' |
    while read -r _device _mount _type; do
      _device=$(device_of "$_device")
      [ -b "$_device" ] || continue
      _state=$(limited 10 tune2fs -l "$_device" | sed -n 's/^Filesystem state: *//p')
      case $_state in clean | '') ;; *) plain "$_device $_mount $_type $_state" ;; esac
    done | awk '!seen[$1]++' | head -n 20
}

device_of() {
  case $1 in
    UUID=* | LABEL=* | PARTUUID=* | PARTLABEL=*) limited 10 findfs "$(printf '%s' "$1" | tr -d '"')" ;;
    /dev/*) readlink -f "$1" || printf '%s' "$1" ;;
  esac
}

duplicate_mounts() {
  plain "$({
    awk '$3 != "autofs" && $3 != "rootfs" && ($1 ~ /^\// || $3 ~ /^(nfs|cifs)/) { print $2 }' /proc/self/mounts | sort | uniq -d
    awk '!/^[ \t]*#/ && $2 ~ /^\// && $3 != "swap" { print $2 }' /etc/fstab | sort | uniq -d
  } | sort -u | head -n 20)"
}

# stale_mounts: the kernel does not have the device any more and fstab does not name it, or the disk is one of a file
# recovery (iSCSI of Azure Backup).
stale_mounts() {
  [ -d /sys/dev/block ] || return 1
  mount_lines | while IFS=$TAB read -r _mount _number _rest; do
    case $_number in 0:*) continue ;; esac
    if [ -e "/sys/dev/block/$_number" ]; then
      recovered "$(readlink -f "/sys/dev/block/$_number")" || continue
    elif fstab_lines | cut -f 1 | grep -qxF -- "$_mount"; then
      continue
    fi
    plain "$_mount"
  done | sort -u | head -n 20
}

# recovered PLACE: whether a device below /sys is a disk of a file recovery.
recovered() {
  for _vendor in "$1/device/vendor" "${1%/*}/device/vendor"; do
    case $(cat "$_vendor" 2>/dev/null) in MABILR*) return 0 ;; esac
  done
  return 1
}

# newest_log: sets LOG to the extension's newest log; status 1 when it has none.
newest_log() {
  LOG=$(extension_logs | head -n 1)
  [ -r "$LOG" ]
}

failed_freeze() {
  newest_log || return 0
  tail -c 500000 "$LOG" | sed -n 's/.*Failed to \(FIFREEZE\|FITHAW\)[: ]*\(\/.*\)/\2/p' | tr -d '\r' | sed 's/[[:space:]]*$//' |
    sort -u | head -n 20
}

root_free_mb() { df -Pk / | awk 'NR == 2 { print int($4 / 1024) }'; }
root_free_percent() { df -Pk / | awk 'NR == 2 && $3 + $4 > 0 { print int($4 * 100 / ($3 + $4)) }'; }

# ---- the extension -----------------------------------------------------------------------------------------------

vmbackup() {
  found_object vmbackup
  [ -r "$CONF" ] || return 0
  for _name in fsfreeze mountstoskip safefreezewaitinseconds seqsnapshot isanysnapshotfailed; do
    # shellcheck disable=SC2016
    if _value=$(tr -d '\r\000' <"$CONF" | awk -v want="$_name" '
      /^[ \t]*\[/ { inside = tolower($0) ~ /^[ \t]*\[snapshotthread\]/ }
      inside && match($0, /[:=]/) {
        key = tolower(substr($0, 1, RSTART - 1))
        gsub(/[ \t]/, "", key)
        if (key != want) next
        value = substr($0, RSTART + 1)
        gsub(/^[ \t]+|[ \t]+$/, "", value)
        set = 1
      }
      END { if (set) print value; exit !set }'); then
      found_member vmbackup "$_name" "$_value"
    fi
  done
}

vmbackup_ascii() {
  [ -r "$CONF" ] || return 1
  if [ "$(tr -d '\001-\177' <"$CONF" | wc -c)" -eq 0 ]; then printf yes; else printf no; fi
}

extension_log() {
  newest_log || return 0
  tail -c 200000 "$LOG" | grep -aiE 'error|fail|exception' | tail -n 2 | tr '\r\n' '  ' | cut -c 1-300
}

vmsnapshot_dirs() {
  for _dir in "$LIB/$EXTENSION"-[0-9]*; do if [ -d "$_dir" ]; then printf '%s\n' "${_dir##*/}"; fi; done
}

# goal_state_files: those of earlier incarnations, which remove_stale_goal_state_xml would move.
goal_state_files() {
  _current=$(tr -cd 0-9 2>/dev/null <"$LIB/Incarnation")
  _count=0
  for _file in "$LIB"/*.[0-9]*.xml; do
    [ -f "$_file" ] || continue
    case ${_file##*/} in *".${_current:-none}."*) ;; *) _count=$((_count + 1)) ;; esac
  done
  printf '%s' "$_count"
}

# script_named KEY: a path of the plug-in's configuration, which is written one key to a line or all on one.
script_named() {
  tr '\n\r,{}' '     ' <"$SCRIPTS" | sed -n "s/.*\"$1\"[[:space:]]*:[[:space:]]*\"\([^\"]*\)\".*/\1/p"
}

script_config() {
  [ -e "$SCRIPTS" ] || { printf none && return; }
  if has python3; then
    limited 10 python3 -c 'import json,sys; json.load(open(sys.argv[1], encoding="utf-8"))' "$SCRIPTS" ||
      { printf 'invalid: no JSON' && return; }
  fi
  for _key in pluginName preScriptLocation postScriptLocation; do
    [ -n "$(script_named "$_key")" ] || { printf 'invalid: %s is missing' "$_key" && return; }
  done
  for _key in preScriptLocation postScriptLocation; do
    _script=$(script_named "$_key")
    [ -f "$_script" ] || { printf 'invalid: %s is not there' "$_script" && return; }
  done
  printf valid
}

script_permissions() {
  [ -e "$SCRIPTS" ] || return 0
  wrong_mode "$SCRIPTS" 600
  for _key in preScriptLocation postScriptLocation; do
    _script=$(script_named "$_key")
    if [ -f "$_script" ]; then wrong_mode "$_script" 700; fi
  done
}

wrong_mode() {
  _mode=$(stat -L -c '%a %U' -- "$1")
  [ "$_mode" = "$2 root" ] || printf '%s %s\n' "$1" "$_mode"
}

logs() {
  for _file in /var/log/waagent.log "/var/log/azure/$EXTENSION"*/*.log /var/log/azure/*/*.log; do
    if [ -f "$_file" ]; then printf '%s %s\n' "$_file" "$(stat -c %s -- "$_file")"; fi
  done | awk '!seen[$0]++' | head -n 8
}

# ---- the system --------------------------------------------------------------------------------------------------

selinux() {
  if has getenforce; then limited 10 getenforce; elif [ -d /sys/fs/selinux ]; then return 1; fi
}

selinux_denials() {
  [ -r /var/log/audit/audit.log ] || return 1
  tail -c 5000000 /var/log/audit/audit.log | grep -a 'avc: *denied' | grep -ac waagent
  return 0
}

# reaches ADDRESS PORT: whether a connection can be made; nothing is sent.
reaches() {
  if has bash; then
    # shellcheck disable=SC2016
    if limited 4 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>/dev/null; then printf yes; else printf no; fi
  elif has python3; then
    if limited 4 python3 -c 'import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)' "$1" "$2" 2>/dev/null
    then printf yes; else printf no; fi
  fi
}

dns() {
  has getent || return 1
  if limited 6 getent hosts management.azure.com >/dev/null; then printf yes; else printf no; fi
}

dhcp() {
  has ip || return 1
  _all=$(limited 10 ip -o -4 address show scope global) || return 1
  [ -n "$_all" ] || return 1
  case $_all in *' dynamic '*) printf yes && return ;; esac
  for _lease in /run/systemd/netif/leases/* /var/lib/dhcp/dhclient*.leases /var/lib/dhclient/*.lease* \
    /var/lib/NetworkManager/*.lease /var/lib/wicked/lease-*-dhcp-ipv4.xml; do
    if [ -s "$_lease" ]; then printf yes && return; fi
  done
  printf no
}

reboot_required() {
  if [ -e /run/reboot-required ] || [ -e /var/run/reboot-required ] || [ -e /run/reboot-needed ]; then
    printf yes && return
  fi
  if has needs-restarting; then
    limited 20 needs-restarting -r >/dev/null 2>&1
    case $? in 0) ;; 1) printf yes && return ;; *) return 1 ;; esac
  fi
  printf no
}

time_synced() {
  if has chronyc; then
    case $(limited 5 chronyc -n tracking 2>/dev/null) in
      *'Leap status     : Normal'*) printf yes && return ;;
      *'Not synchronised'*) printf no && return ;;
    esac
  fi
  has timedatectl || return 1
  case $(limited 8 timedatectl status 2>/dev/null) in
    *'synchronized: yes'*) printf yes ;;
    *'synchronized: no'*) printf no ;;
    *) return 1 ;;
  esac
}

cpu_percent() {
  _first=$(head -n 1 /proc/stat)
  sleep 1
  printf '%s\n%s\n' "$_first" "$(head -n 1 /proc/stat)" | awk '
    { all = 0; for (i = 2; i <= 9; i++) all += $i; idle = $5 + $6 }
    NR == 1 { all1 = all; idle1 = idle }
    NR == 2 { if (all > all1) print int(100 - 100 * (idle - idle1) / (all - all1)); else exit 1 }'
}

memory_percent() {
  awk '/^MemTotal:/ { total = $2 } /^MemAvailable:/ { free = $2; set = 1 }
    END { if (set && total > 0) print int(100 - 100 * free / total); else exit 1 }' /proc/meminfo
}

data_disks() {
  [ -d /dev/disk/azure ] || return 1
  _count=0
  for _disk in /dev/disk/azure/scsi1/lun* /dev/disk/azure/data/by-lun/*; do
    case $_disk in *-part*) continue ;; esac
    if [ -e "$_disk" ]; then _count=$((_count + 1)); fi
  done
  printf '%s' "$_count"
}

run_script
