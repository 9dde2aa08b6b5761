#!/bin/sh
# The demo of the README: a VM whose backups fail, repaired on a simulated Azure. Needs `remediate` and its `python` on
# the PATH ('make demo' sees to that); needs no Azure, no account, no curl. Takes half a minute.
set -eu

code=UserErrorRpCollectionLimitReached
folder=$(mktemp -d)
server=
finish() {
  status=$?
  trap - EXIT
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" || true; }
  rm -rf "$folder"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

bold= dim= plain=
if [ -t 1 ]; then bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m'); fi

say() { printf '\n%s── %s%s\n' "$bold" "$1" "$plain"; }
note() { printf '%s   %s%s\n' "$dim" "$1" "$plain"; }
typed() { printf '\n%s$ %s%s\n' "$bold" "$1" "$plain"; }

# Shows a command, runs it, and insists on its exit status: expect STATUS MEANING COMMAND...
expect() {
  want=$1 meaning=$2
  shift 2
  typed "$*"
  got=0
  "$@" || got=$?
  [ "$got" -eq "$want" ] || { echo "the demo failed: exit code $got, where $want ($meaning) was expected" >&2; exit 1; }
  note "exit code $got: $meaning"
}

# One request to the simulator's control API, as curl would send it: ask METHOD PATH [BODY]
ask() {
  python -c '
import http.client, sys, urllib.parse
method, path, body = (*sys.argv[2:], "")[:3]
connection = http.client.HTTPConnection(urllib.parse.urlsplit(sys.argv[1]).netloc, timeout=60)
connection.request(method, path, body or None)
print(connection.getresponse().read().decode())
connection.close()' "$REMEDIATE_ARM_ENDPOINT" "$@"
}

# What the simulator saw of us, as it says itself.
witness() {
  ask GET /_sim/requests | python -c '
import json, sys
seen = json.load(sys.stdin)
writes = [one for one in seen if one["write"]]
print(f"   {len(seen)} requests reached it, {len(writes)} of them writes" + (":" if writes else ""))
for one in writes:
    print("     {time:.19}  {method:<6} ".format(**one) + "/".join(one["path"].split("/")[-2:]))'
}

unset IDENTITY_ENDPOINT IDENTITY_HEADER REMEDIATE_CA 2>/dev/null || true
export REMEDIATE_STATE="$folder/journal.db"

say "A simulated Azure"
note "The backups of the VM web-01 fail: 18 instant restore points, the most that Azure allows,"
note "and a lock on their resource group keeps the backup service from cleaning up."
typed "remediate simulate serve --scenario rp-collection-limit &"
mkfifo "$folder/ready"
remediate simulate serve --scenario rp-collection-limit >"$folder/ready" &
server=$!
read -r ready <"$folder/ready" || { echo "the demo failed: the simulator did not start" >&2; exit 1; }
REMEDIATE_ARM_ENDPOINT=$(python -c 'import json, sys; print(json.loads(sys.argv[1])["endpoint"])' "$ready")
export REMEDIATE_ARM_ENDPOINT
typed "export REMEDIATE_ARM_ENDPOINT=$REMEDIATE_ARM_ENDPOINT"
note "From here on every command is what you would type against real Azure."

say "1. What would be changed?"
expect 0 "there is a plan" remediate $code --vm web-01 --dry-run
say "What the simulated Azure saw"
witness

say "2. Repair it"
note "The first backup is expected to fail: that failure starts Azure's own clean-up, which takes hours."
note "Nothing waits for hours here: the run is parked in its journal, and the command returns."
expect 5 "pending" remediate $code --vm web-01 --yes

say "3. Six hours pass"
typed "curl -X POST \$REMEDIATE_ARM_ENDPOINT/_sim/clock -d '{\"advance\": \"PT6H\"}'"
ask POST /_sim/clock '{"advance": "PT6H"}'

say "4. Go on with the run"
expect 0 "fixed" remediate resume

say "5. Once more: nothing is left to do"
expect 0 "nothing to do" remediate $code --vm web-01 --yes

say "What the simulated Azure saw, all in all"
witness
note "One lock removed, two backups started; nothing was written by the dry run or the last run."
