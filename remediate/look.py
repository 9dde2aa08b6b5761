"""A look inside a VM, for diagnoses and checks: a run like any other, of a script that only reads."""

from __future__ import annotations

from collections.abc import Callable

from actions.guest.scripts import PROBES
from arm.facts.collect import VmFacts
from arm.facts.graph import VmReference
from arm.facts.times import iso

from .engine.chains import ACTION
from .engine.history import DONE
from .engine.scripts import tell_guest
from .report import Report

Repair = Callable[[str, VmReference], Report]
"""Carries out a runbook of that name on that VM."""


def look_inside(facts: VmFacts, repair: Repair) -> str:
    """See :meth:`remediate.remediation.Remediation.look_inside`."""
    vm = facts.vm_or_none()
    action = PROBES.get(vm.os_type.lower() if vm is not None else "")
    if action is None:
        return "not possible: the VM does not exist" if vm is None else f"not possible: it runs {vm.os_type!r}"
    report = repair(f"{ACTION}{action}", VmReference(facts.vm_id, vm.location if vm is not None else ""))
    heard = next((one for one in reversed(report.sent) if one.said is not None and one.result in DONE), None)
    if heard is None or heard.said is None:
        return f"not possible: {report.stand.verdict.value}, {report.stand.reason}"
    at = iso(heard.ended or heard.at)
    facts.refresh()
    tell_guest(facts, {action: {**heard.said, "at": at}})
    return f"a script that only reads has looked at {at}"
