"""Runs: begun, gone on with, undone; each under the lease on its VM, and by what is true while it is held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property

from arm.errors import AzureError, UsageError
from arm.facts.collect import VmFacts
from arm.facts.graph import VmReference
from arm.facts.times import iso
from arm.session import Session
from guards import Consent, Limits, Refusal
from runbooks.model import Diagnosis, Runbook, Situation

from .accepted import Accepted
from .engine.boundaries import BEFORE_CLOSED, BEFORE_RUN
from .engine.chains import UNDO, runbook_of, undone
from .engine.decide import decide, refused, without_repair
from .engine.drive import Driver, consent_of
from .engine.execute import Executor
from .engine.history import History
from .engine.lease import Lease
from .engine.model import Event, Stand, Tell, Verdict
from .engine.plan import Plan, make_plan
from .engine.repay import OWING, Repayer
from .engine.scripts import tell_guest
from .journal.model import CLOSED, Held, Journal, Run
from .remembered import Remembered
from .report import Report

DEFAULT_WAIT = 600.0
"""Seconds a call may spend waiting for Azure before it parks the run."""


class Runs:
    """The runs of one journal, through one session.

    Args:
        session: access to Azure; a read-only one can plan, but change nothing.
        journal: opens the journal, where runs live; called when it is first needed.
        tell: told of everything that happens, for progress and logs.
        wait: seconds a call may spend waiting for Azure before it parks the run.
        limits: what is configured for the guards.
        known: says whether there is a journal already; what only shows does not make one.
        kept_in: the journal, for people, where it would be lost with this machine: then a lock that goes on loan is
            copied onto the VM first. Empty for a journal that outlives the machine.
    """

    def __init__(
        self,
        session: Session,
        journal: Callable[[], Journal],
        *,
        tell: Tell = lambda _event: None,
        wait: float = DEFAULT_WAIT,
        limits: Limits = Limits(),  # noqa: B008  # frozen
        known: Callable[[], bool] = lambda: False,
        kept_in: str = "the journal on this machine",
    ) -> None:
        self.session = session
        self._open_journal = journal
        self.tell = tell
        self.wait = wait
        self.kept_in = kept_in
        self._remembered = Remembered(lambda: self.journal, lambda: "journal" in self.__dict__ or known(), limits)

    @cached_property
    def journal(self) -> Journal:
        """The journal; opened on first use. A dry run of a runbook of the catalogue never needs it."""
        return self._open_journal()

    def _begin(
        self,
        name: str,
        vm: VmReference,
        arguments: Mapping[str, str],
        accepted: Accepted,
        *,
        dry_run: bool,
        facts: VmFacts | None = None,
        seen: Sequence[Run] | None = None,
    ) -> Report:
        """Begin a run, or show it, or go on with the one that is open.

        Args:
            name: of the runbook.
            vm: which machine.
            arguments: arguments of a single action, or the runbook's inputs and choice.
            accepted: what the operator accepts.
            dry_run: show it only.
            facts: facts of the VM, if somebody has just read them.
            seen: what :meth:`_newest` returned before that.
        """
        runbook = runbook_of(name, arguments, lambda: self.journal, self.kept_in)
        if not dry_run and seen is None:
            seen, facts = self._newest(vm.id), None
        facts = facts or VmFacts(self.session, vm)
        self.tell(Event("facts", f"reading the facts of {vm.id.rsplit('/', 1)[-1]}"))
        facts.prefetch(*runbook.facts)
        if not dry_run:
            facts.vm_or_none()  # one read: it tells Azure's time
            self._remembered.recall(runbook.code, facts).sight()
            if self._newest(vm.id) != seen:  # another process has been at work since
                seen = self._newest(vm.id)
                facts.refresh()
            going_on = self._open_run(runbook, facts, arguments, accepted)
            if going_on is not None:
                return going_on
        situation = Situation.at_first(facts, arguments)
        diagnosis = runbook.diagnose(situation)
        plan, outcome = None, without_repair(diagnosis)
        if outcome is None:
            names = [step.name for step in runbook.steps]
            recall = self._remembered
            memory = recall.shown(runbook.code, facts) if dry_run else recall.recall(runbook.code, facts).memory()
            plan = make_plan(runbook, names, situation, Consent(yes=accepted.yes), dry_run=dry_run, memory=memory)
            outcome = decide(plan, accepted, dry_run=dry_run)
        if isinstance(outcome, Stand):
            return self._report(runbook, facts, arguments, outcome, diagnosis, plan, dry_run=dry_run)
        with self._lease(facts) as lease:
            if self._newest(vm.id) == seen:
                return self._start(runbook, facts, arguments, diagnosis, outcome, lease)
        return self._begin(name, vm, arguments, accepted, dry_run=dry_run)

    def _newest(self, vm_id: str) -> Sequence[Run]:
        """Return the newest run of a VM: if that has changed, so may have the VM."""
        return self.journal.runs(1, vm_id)

    @contextmanager
    def _lease(self, facts: VmFacts) -> Iterator[Lease]:
        lease = Lease(self.journal, facts.vm_id, self.session.runtime)
        with lease.kept(facts):
            yield lease

    def _start(
        self,
        runbook: Runbook,
        facts: VmFacts,
        arguments: Mapping[str, str],
        diagnosis: Diagnosis,
        consent: Consent,
        lease: Lease,
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
        self.session.runtime.reach(BEFORE_RUN)
        self.journal.create(run, lease.held)
        return self._drive(run, runbook, facts, diagnosis, lease)

    def _drive(
        self,
        run: Run,
        runbook: Runbook,
        facts: VmFacts,
        diagnosis: Diagnosis | None,
        lease: Lease,
        way: Callable[[Driver], Stand] = Driver.drive,
    ) -> Report:
        executor = Executor(
            facts=facts,
            journal=self.journal,
            run=run,
            runbook=runbook,
            recall=self._remembered.recall(run.runbook, facts, run.id),
            lease=lease,
            wait=self.wait,
            tell=self.tell,
        )
        driver = Driver(facts=facts, journal=self.journal, run=run, runbook=runbook, executor=executor, tell=self.tell)
        try:
            stand = way(driver)
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
        runs = [one for one in self._open_runs(facts.vm_id) if runbook.code != f"{UNDO}{one.id}"]
        if not runs:
            return None
        run = runs[0]
        same = run.runbook.lower() == runbook.code.lower() and dict(run.arguments) == dict(arguments)
        if same and not accepted.expect:
            return self.resume(run.id, accepted=accepted, facts=facts)
        where = f"{run.verdict or 'in progress'} {run.reason}".strip()
        saw = f"run {run.id[:12]} ({run.runbook}) is open on this VM: {where}"
        refusal = Refusal("one-run-per-vm", saw, f"'remediate resume {run.id[:12]}' or 'remediate undo {run.id[:12]}'.")
        return self._report(runbook, facts, {}, refused(refusal), None, None)

    def resume(self, run_id: str, *, accepted: Accepted, now: bool = False, facts: VmFacts | None = None) -> Report:
        """Go on with a run; with its undoing, where that has been begun.

        Args:
            run_id: its id, or a beginning of it.
            accepted: what the operator accepts now, besides what the run has.
            now: also when its time has not come.
            facts: facts of its VM, if somebody has just read them.

        Of a run that is over, only what it still owes is paid.

        Raises:
            UsageError: no such run, or a run against another endpoint.
        """
        run = self._existing(run_id)
        runbook = runbook_of(run.runbook, run.arguments, lambda: self.journal, self.kept_in)
        facts = facts or VmFacts(self.session, VmReference(run.vm_id))
        if run.status == CLOSED and not self.journal.duties(run.id):
            self.journal.unmark(OWING, run.id)
            stand = Stand(Verdict(run.verdict), run.reason, "The run is over; start a new one if it fails again.")
            return self._report(runbook, facts, run.arguments, stand, None, None, run=run)
        if run.status == CLOSED:
            facts.vm_or_none()  # one read: it tells Azure's time
            with self._lease(facts) as lease:
                return self._drive(run, runbook, facts, None, lease, lambda driver: Repayer(driver.executor).late())
        if undone(run, self.journal):
            return self.undo(run.id, accepted=accepted)
        facts.vm_or_none()  # one read: it tells Azure's time, which alone says whether the run is due
        if not now and run.next_check_at is not None and facts.azure_now < run.next_check_at:
            stand = Stand(
                Verdict.PENDING,
                run.reason,
                f"It is due at {iso(run.next_check_at)}; --now looks earlier.",
                run.next_check_at,
            )
            return self._report(runbook, facts, run.arguments, stand, None, None, run=run)
        with self._lease(facts) as lease:
            if self._existing(run.id) == run and not undone(run, self.journal):
                refusal = self._widen_consent(run, runbook, facts, accepted, lease)
                if refusal is not None:
                    return self._report(runbook, facts, run.arguments, refused(refusal), None, None, run=run)
                report = self._drive(run, runbook, facts, None, lease)
            else:
                report = None
        if report is None:
            return self.resume(run.id, accepted=accepted, now=now)  # another process has been faster
        if run.runbook.startswith(UNDO):
            self._end_undone(run.runbook[len(UNDO) :], report)
        return report

    def _widen_consent(
        self, run: Run, runbook: Runbook, facts: VmFacts, accepted: Accepted, lease: Lease
    ) -> Refusal | None:
        if not accepted.yes and not accepted.approve:
            return None
        facts.prefetch(*runbook.facts)
        history = History.of(run, self.journal)
        tell_guest(facts, history.progress.said)
        situation = Situation(facts, facts.azure_now, history.progress, run.arguments)
        memory = self._remembered.recall(run.runbook, facts, run.id).memory()
        names = run.steps[run.position :]
        plan = make_plan(runbook, names, situation, run.consent, done=history.done, memory=memory)
        consent = consent_of(plan, yes=accepted.yes, approve=accepted.approve)
        if isinstance(consent, Refusal):
            return consent
        run.consent = run.consent.joined(consent)
        self.journal.save(run, lease.held)
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
        report = self._begin(name, vm, {}, accepted, dry_run=dry_run)
        if not dry_run:
            self._end_undone(run.id, report)
        return report

    def _end_undone(self, run_id: str, report: Report) -> None:
        """Close a run that has been undone: it owes nothing any more, either."""
        if report.stand.verdict in (Verdict.APPLIED, Verdict.NOTHING_TO_DO):
            run = self._existing(run_id)
            with self._lease(VmFacts(self.session, VmReference(run.vm_id))) as lease:
                self._close(self._existing(run.id), lease.held)

    def cancel(self, run_id: str) -> Report:
        """End an open run: what is on loan is given back, what is under way is left, nothing new is begun.

        Args:
            run_id: its id, or a beginning of it.

        Raises:
            UsageError: no such run, or a run against another endpoint.
            LeaseLost: another process works on it.
        """
        run = self._existing(run_id)
        runbook = runbook_of(run.runbook, run.arguments, lambda: self.journal, self.kept_in)
        facts = VmFacts(self.session, VmReference(run.vm_id))
        if run.status != CLOSED:
            facts.vm_or_none()  # one read: it tells Azure's time
            with self._lease(facts) as lease:
                run = self._existing(run.id)
                if run.status != CLOSED:
                    return self._drive(run, runbook, facts, None, lease, Driver.cancel)
        stand = Stand(Verdict(run.verdict), run.reason, "The run is over.")
        return self._report(runbook, facts, run.arguments, stand, None, None, run=run)

    def _close(self, run: Run, held: Held) -> None:
        self.session.runtime.reach(BEFORE_CLOSED)
        for duty in self.journal.duties(run.id):
            self.journal.repaid(duty, held)
        if run.status != CLOSED:
            run.status, run.verdict, run.reason = CLOSED, Verdict.NOT_FIXED.value, "undone by the operator"
            run.next_check_at = None
            self.journal.save(run, held)

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
