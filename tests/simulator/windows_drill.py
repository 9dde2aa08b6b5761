"""Simulated Windows machines, broken on purpose, and scripts for them."""

from __future__ import annotations

import json

from simulator.clock import START
from simulator.guest.windows import WindowsGuest, broken, healthy
from simulator.guest.windows_faults import FAULTS


def compose(table, verb="apply", action="drill") -> str:
    """What is sent, without the parts that are never interpreted."""
    literal = json.dumps(table).replace("'", "''")
    head = f"$ScriptAction = '{action}'\n$ScriptVerb = '{verb}'\n$ScriptParameters = @{{}}\n"
    return f"# azure-backup-remediation: {action}, {verb}\n{head}$ScriptTable = '{literal}'\nInvoke-GuestScript\n"


def guest(*faults: str) -> WindowsGuest:
    state = healthy()
    for fault in faults:
        state = broken(state, FAULTS[fault])
    machine = WindowsGuest(state, lambda: machine.at)
    machine.at = START
    return machine


def work_off(machine: WindowsGuest) -> None:
    """Let what was handed over happen when it is due."""
    due = machine.later(machine.at)
    while due is not None:
        machine.at = due
        due = machine.later(due)


def ask(machine: WindowsGuest, text: str, code: int = 0) -> dict:
    result = machine.run(text, 120)
    assert result.exit_code == code, result
    return json.loads(result.stdout)


def canon(machine: WindowsGuest) -> str:
    return json.dumps(machine.state, sort_keys=True)
