"""The library's face: repair, act, resume, undo. The command line, alerts and the server call nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from actions.guest.scripts import PROBES
from arm.errors import AzureError, UsageError
from arm.facts.collect import VmFacts
from arm.facts.graph import VmReference
from arm.facts.times import iso
from arm.session import Session
from guards import Consent, Refusal
from runbooks.model import Decision, Diagnosis, Runbook, Situation

from .accepted import Accepted
from .diagnosis import DiagnosisReport, diagnose
from .engine.chains import ACTION, UNDO, runbook_of
from .engine.decide import decide, refused, without_repair
from .engine.drive import Driver, consent_of
from .engine.execute import Executor
from .engine.history import DONE, History
from .engine.lease import owner_name
from .engine.model import Event, Stand, Tell, Verdict
from .engine.plan import Plan, make_plan
from .engine.scripts import tell_guest
from .health import FleetHealth, Health, check, check_all
from .journal.model import CLOSED, Journal, Run
from .report import Report

if TYPE_CHECKING:
    from arm.facts.fleet import Scope

__all__ = ["DEFAULT_WAIT", "Accepted", "Remediation"]

DEFAULT_WAIT = 600.0
"""Seconds a call may spend waiting for Azure before it parks the run."""

_NOTHING_FAILED = Runbook("", "Nothing has failed", (), lambda _: Diagnosis(Decision.NOTHING, "", ()), (), proof=False)


class Remediation:
    """Repairs VMs through one session.

    Args:
        session: access to Azure; a read-only one can plan, but change nothing.
        journal: opens the journal, where runs live; called when it is first needed.
        tell: told of everything that happens, for progress and logs.
        wait: seconds a call may spend waiting for Azure before it parks the run.
    """

    def __init__(
        self,
        session: Session,
        journal: Callable[[], Journal],
        *,
        tell: Tell = lambda _event: None,
        wait: float = DEFAULT_WAIT,
    ) -> None:
        self.session = session
        self._open_journal = journal
        self.tell = tell
        self.wait = wait

    @cached_property
    def journal(self) -> Journal:
        """The journal; opened on first use. A dry run of a runbook of the catalogue never needs it."""
        return self._open_journal()

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
        vm = facts.vm_or_none()
        action = PROBES.get(vm.os_type.lower() if vm is not None else "")
        if action is None:
            return "not possible: the VM does not exist" if vm is None else f"not possible: it runs {vm.os_type!r}"
        reference = VmReference(facts.vm_id, vm.location if vm is not None else "")
        report = self.repair(f"{ACTION}{action}", reference, accepted=Accepted(yes=True))
        heard = next((one for one in reversed(report.sent) if one.said is not None and one.result in DONE), None)
        if heard is None or heard.said is None:
            return f"not possible: {report.stand.verdict.value}, {report.stand.reason}"
        at = iso(heard.ended or heard.at)
        facts.refresh()
        tell_guest(facts, {action: {**heard.said, "at": at}})
        return f"a script that only reads has looked at {at}"

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
        return self._begin(found.runbook, vm, arguments or {}, accepted, dry_run=dry_run, facts=facts)

    def _begin(
        self,
        name: str,
        vm: VmReference,
        arguments: Mapping[str, str],
        accepted: Accepted,
        *,
        dry_run: bool,
        facts: VmFacts | None = None,
    ) -> Report:
        runbook = runbook_of(name, arguments, lambda: self.journal)
        facts = facts or VmFacts(self.session, vm)
        self.tell(Event("facts", f"reading the facts of {vm.id.rsplit('/', 1)[-1]}"))
        facts.prefetch(*runbook.facts)
        if not dry_run:
            going_on = self._open_run(runbook, facts, arguments, accepted)
            if going_on is not None:
                return going_on
        situation = Situation.at_first(facts, arguments)
        diagnosis = runbook.diagnose(situation)
        plan, outcome = None, without_repair(diagnosis)
        if outcome is None:
            names = [step.name for step in runbook.steps]
            plan = make_plan(runbook, names, situation, Consent(yes=accepted.yes), dry_run=dry_run)
            outcome = decide(plan, accepted, dry_run=dry_run)
        if isinstance(outcome, Stand):
            return self._report(runbook, facts, arguments, outcome, diagnosis, plan, dry_run=dry_run)
        return self._start(runbook, facts, arguments, diagnosis, outcome)

    def _start(
        self,
        runbook: Runbook,
        facts: VmFacts,
        arguments: Mapping[str, str],
        diagnosis: Diagnosis,
        consent: Consent,
    ) -> Report:
        run = Run(
            id=self.session.runtime.new_id(),
            endpoint=self.session.endpoint,
            vm_id=facts.vm_id,
            runbook=runbook.code,
            arguments=dict(arguments),
            steps=tuple(step.name for step in runbook.steps),
            started_at=facts.azure_now,
            consent=consent,
        )
        return self._drive(run, runbook, facts, diagnosis, new=True)

    def _drive(
        self, run: Run, runbook: Runbook, facts: VmFacts, diagnosis: Diagnosis | None, *, new: bool = False
    ) -> Report:
        executor = Executor(
            facts=facts,
            journal=self.journal,
            run=run,
            runbook=runbook,
            owner=owner_name(self.session.runtime.new_id()),
            wait=self.wait,
            tell=self.tell,
        )
        executor.hold_lease()
        if new:
            self.journal.create(run)
        driver = Driver(facts=facts, journal=self.journal, run=run, runbook=runbook, executor=executor, tell=self.tell)
        try:
            stand = driver.drive()
        except AzureError as error:
            error.next_step += f" Run {run.id[:12]} is open; 'remediate resume {run.id[:12]}' goes on with it."
            raise
        return self._report(runbook, facts, run.arguments, stand, diagnosis, driver.plan, run=run)

    def _open_runs(self, vm_id: str) -> list[Run]:
        return [run for run in self.journal.open_runs(vm_id) if run.endpoint == self.session.endpoint]

    def _open_run(
        self, runbook: Runbook, facts: VmFacts, arguments: Mapping[str, str], accepted: Accepted
    ) -> Report | None:
        """Go on with the run that is open for this VM, so that no second one is ever begun."""
        runs = self._open_runs(facts.vm_id)
        if not runs:
            return None
        run = runs[0]
        if runbook.code == f"{UNDO}{run.id}":
            return None
        same = run.runbook.lower() == runbook.code.lower() and dict(run.arguments) == dict(arguments)
        if same and not accepted.expect:
            return self.resume(run.id, accepted=accepted, facts=facts)
        saw = (
            f"run {run.id[:12]} ({run.runbook}) is open on this VM: {run.verdict or 'in progress'} {run.reason}".strip()
        )
        refusal = Refusal("one-run-per-vm", saw, f"'remediate resume {run.id[:12]}' or 'remediate undo {run.id[:12]}'.")
        return self._report(runbook, facts, {}, refused(refusal), None, None)

    def resume(self, run_id: str, *, accepted: Accepted, now: bool = False, facts: VmFacts | None = None) -> Report:
        """Go on with a run.

        Args:
            run_id: its id, or a beginning of it.
            accepted: what the operator accepts now, besides what the run has.
            now: also when its time has not come.
            facts: facts of its VM, if somebody has just read them.

        Raises:
            UsageError: no such run, or a run against another endpoint.
        """
        run = self._existing(run_id)
        runbook = runbook_of(run.runbook, run.arguments, lambda: self.journal)
        facts = facts or VmFacts(self.session, VmReference(run.vm_id))
        if run.status == CLOSED:
            stand = Stand(Verdict(run.verdict), run.reason, "The run is over; start a new one if it fails again.")
            return self._report(runbook, facts, run.arguments, stand, None, None, run=run)
        facts.vm_or_none()  # one read: it tells Azure's time, which alone says whether the run is due
        if not now and run.next_check_at is not None and facts.azure_now < run.next_check_at:
            stand = Stand(
                Verdict.PENDING,
                run.reason,
                f"It is due at {iso(run.next_check_at)}; --now looks earlier.",
                run.next_check_at,
            )
            return self._report(runbook, facts, run.arguments, stand, None, None, run=run)
        refusal = self._widen_consent(run, runbook, facts, accepted)
        if refusal is not None:
            return self._report(runbook, facts, run.arguments, refused(refusal), None, None, run=run)
        return self._drive(run, runbook, facts, None)

    def _widen_consent(self, run: Run, runbook: Runbook, facts: VmFacts, accepted: Accepted) -> Refusal | None:
        if not accepted.yes and not accepted.approve:
            return None
        facts.prefetch(*runbook.facts)
        history = History.of(run, self.journal)
        tell_guest(facts, history.progress.said)
        situation = Situation(facts, facts.azure_now, history.progress, run.arguments)
        plan = make_plan(runbook, run.steps[run.position :], situation, run.consent, done=history.done)
        consent = consent_of(plan, yes=accepted.yes, approve=accepted.approve)
        if isinstance(consent, Refusal):
            return consent
        run.consent = run.consent.joined(consent)
        self.journal.save(run)
        return None

    def undo(self, run_id: str, *, accepted: Accepted, dry_run: bool = False) -> Report:
        """Take back what a run has changed, the last change first; an open run is closed by it.

        Args:
            run_id: its id, or a beginning of it.
            accepted: what the operator accepts.
            dry_run: show it only.
        """
        run = self._existing(run_id)
        name, vm = f"{UNDO}{run.id}", VmReference(run.vm_id)
        if dry_run:
            return self.plan(name, vm)
        report = self.repair(name, vm, accepted=accepted)
        if report.stand.verdict in (Verdict.APPLIED, Verdict.NOTHING_TO_DO):
            self._close(run)
        return report

    def _close(self, run: Run) -> None:
        for duty in self.journal.duties(run.id):
            self.journal.repaid(duty)
        if run.status != CLOSED:
            run.status, run.verdict, run.reason = CLOSED, Verdict.NOT_FIXED.value, "undone by the operator"
            run.next_check_at = None
            self.journal.save(run)

    def _existing(self, run_id: str) -> Run:
        run = self.journal.run(run_id)
        if run is None:
            raise UsageError(f"there is no run {run_id!r}", "'remediate runs' lists them.")
        if run.endpoint != self.session.endpoint:
            raise UsageError(
                f"run {run.id[:12]} belongs to {run.endpoint}, not to {self.session.endpoint}",
                f"Give --arm-endpoint {run.endpoint} (or the --cloud it ran in).",
            )
        return run

    def _report(
        self,
        runbook: Runbook,
        facts: VmFacts,
        arguments: Mapping[str, str],
        stand: Stand,
        diagnosis: Diagnosis | None,
        plan: Plan | None,
        *,
        run: Run | None = None,
        dry_run: bool = False,
    ) -> Report:
        return Report(
            runbook=runbook.code,
            title=runbook.title,
            vm_id=facts.vm_id,
            arguments=dict(arguments),
            dry_run=dry_run,
            stand=stand,
            diagnosis=diagnosis,
            plan=plan,
            run=run,
            sent=History.of(run, self.journal).sent if run else (),
            requests={"reads": self.session.transport.reads, "writes": self.session.transport.writes},
        )
