"""``diagnose``: what is wrong with a VM's backups. Nothing is changed."""

from __future__ import annotations

from typing import Any

from .door import Options, open_door
from .output import print_diagnosis
from .said import text_of


def diagnose_vm(words: tuple[str, ...], arguments: dict[str, str], given: dict[str, Any]) -> int:
    """Print a diagnosis and return the exit status.

    Args:
        words: a code or a message; ``-`` alone reads it from standard input; none: the VM's last failed job tells it.
        arguments: the runbook's inputs and choice.
        given: the options of the command.

    Raises:
        UsageError: a text without a word in it, or far too long.
    """
    text = text_of(words) if words else ""
    output, probe = given.pop("output"), given.pop("probe_guest")
    named = {word: given.pop(word) for word in ("vm", "resource_group", "subscription")}
    with open_door(Options.of(given), read_only=not probe, plans=False) as door:
        vm = door.vm(named["vm"], named["resource_group"], named["subscription"])
        found = door.remediation.diagnose(vm, text, arguments, probe_guest=probe)
    print_diagnosis(found, output)
    return found.exit_code
