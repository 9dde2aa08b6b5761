"""The library's face: repair, act, resume, undo. The command line, alerts and the server call nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from arm.facts.collect import VmFacts
from arm.facts.graph import VmReference
from runbooks.model import Decision, Diagnosis, Runbook

from . import look
from .accepted import Accepted
from .diagnosis import DiagnosisReport, diagnose
from .engine.model import Event, Stand, Verdict
from .health import FleetHealth, Health, check, check_all
from .report import Report
from .runs import DEFAULT_WAIT, Runs

if TYPE_CHECKING:
    from arm.facts.fleet import Scope

__all__ = ["DEFAULT_WAIT", "Accepted", "Remediation"]

_NOTHING_FAILED = Runbook("", "Nothing has failed", (), lambda _: Diagnosis(Decision.NOTHING, "", ()), (), proof=False)


class Remediation(Runs):
    """Repairs VMs through one session.

    Args:
        session: access to Azure; a read-only one can plan, but change nothing.
        journal: opens the journal, where runs live; called when it is first needed.
        tell: told of everything that happens, for progress and logs.
        wait: seconds a call may spend waiting for Azure before it parks the run.
        limits: what is configured for the guards.
        known: says whether there is a journal already; what only shows does not make one.
    """

    def plan(self, runbook: str, vm: VmReference, arguments: Mapping[str, str] | None = None) -> Report:
        """Show what would be changed, and change nothing (dry run).

        Args:
            runbook: error code, ``action:NAME`` or ``undo:RUN``.
            vm: which machine.
            arguments: arguments of a single action.
        """
        return self._begin(runbook, vm, arguments or {}, Accepted(), dry_run=True)

    def diagnose(
        self,
        vm: VmReference,
        text: str = "",
        arguments: Mapping[str, str] | None = None,
        *,
        probe_guest: bool = False,
    ) -> DiagnosisReport:
        """Find out what is wrong with a VM's backups, and change nothing.

        Args:
            vm: which machine.
            text: an error's code or message; without it, the failure that still stands is read from the VM's jobs:
                of its backups first, else of another operation.
            arguments: the runbook's inputs and choice.
            probe_guest: let a script that only reads look inside the VM (:meth:`look_inside`).

        Raises:
            UsageError: the error's runbook has no such input or choice.
        """
        facts = VmFacts(self.session, vm)
        self.tell(Event("facts", f"reading the facts of {vm.id.rsplit('/', 1)[-1]}"))
        looked = self.look_inside(facts) if probe_guest else ""
        found = diagnose(facts, text, arguments or {}, checks=True)
        for label, value in self._remembered.standing(found.runbook, facts):
            found = found.with_finding(label, value)
        return found.with_finding("look inside the VM", looked) if looked else found

    def check(self, vm: VmReference, only: Sequence[str] = (), *, probe_guest: bool = False) -> Health:
        """Carry out the health checks of one VM: :func:`remediate.health.check`.

        Args:
            vm: which machine.
            only: ids of the checks; none means all.
            probe_guest: let a script that only reads look inside the VM (:meth:`look_inside`).
        """
        facts = VmFacts(self.session, vm)
        looked = self.look_inside(facts) if probe_guest else ""
        return check(facts, only, looked)

    def look_inside(self, facts: VmFacts) -> str:
        """Run the script inside the VM that collects what diagnoses and checks need, and changes nothing there.

        It is a run like any other: journaled, under the same guards, its run command removed again.

        Args:
            facts: facts of the VM, which are told what the script has seen.

        Returns:
            When it looked; or why it could not.
        """
        return look.look_inside(facts, lambda name, vm: self.repair(name, vm, accepted=Accepted(yes=True)))

    def check_all(self, scope: Scope, only: Sequence[str] = ()) -> FleetHealth:
        """Carry out the health checks of every VM of a scope: :func:`remediate.health.check_all`."""
        return check_all(self.session, scope, only)

    def repair(
        self, runbook: str, vm: VmReference, arguments: Mapping[str, str] | None = None, *, accepted: Accepted
    ) -> Report:
        """Repair a VM, as far as what is accepted and Azure allow; a run that is open for it goes on.

        Args:
            runbook: error code, ``action:NAME`` or ``undo:RUN``.
            vm: which machine.
            arguments: arguments of a single action.
            accepted: what the operator accepts.
        """
        return self._begin(runbook, vm, arguments or {}, accepted, dry_run=False)

    def repair_found(
        self,
        vm: VmReference,
        text: str = "",
        arguments: Mapping[str, str] | None = None,
        *,
        accepted: Accepted,
        dry_run: bool = False,
    ) -> Report | DiagnosisReport:
        """Repair what :meth:`diagnose` finds, under the same guards; a run that is open for the VM goes on instead.

        Args:
            vm: which machine.
            text: an error's code or message, as for :meth:`diagnose`.
            arguments: the runbook's inputs and choice.
            accepted: what the operator accepts.
            dry_run: show it only.

        Returns:
            The report of the repair; or the diagnosis, where the error that failed cannot be told.
        """
        seen = None if dry_run else self._newest(vm.id)
        begun = [] if dry_run else self._open_runs(vm.id)
        if begun and not text:
            return self._begin(begun[0].runbook, vm, arguments or begun[0].arguments, accepted, dry_run=False)
        facts = VmFacts(self.session, vm)
        found = diagnose(facts, text, arguments or {}, checks=False)
        if found.classification is None:
            diagnosis = Diagnosis(Decision.NOTHING, found.reason, found.findings, found.next_step)
            stand = Stand(Verdict.NOTHING_TO_DO, found.reason, found.next_step)
            return self._report(_NOTHING_FAILED, facts, {}, stand, diagnosis, None, dry_run=dry_run)
        if not found.runbook:
            return found
        return self._begin(found.runbook, vm, arguments or {}, accepted, dry_run=dry_run, facts=facts, seen=seen)
