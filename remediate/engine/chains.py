"""The runbook of a run: one of the catalogue, a single action, or the undoing of another run."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from datetime import timedelta

from actions.change import Effects, NoChange, Undo
from actions.disks import include_disks
from actions.guest.run import CREATE, run_script
from actions.key_vault import revoke_key_vault_access
from actions.locks import restore_lock
from actions.power import start_vm
from actions.protection import resume_protection
from actions.registry import ACTIONS, Action, guest_actions
from actions.tags import REMOVE, decode, in_subscription, remove_note
from arm.errors import UsageError
from arm.facts.collect import VmFacts
from arm.facts.times import iso
from arm.ids import normal
from runbooks.model import Decision, Diagnosis, Runbook, Situation, Step, StepEffects
from runbooks.registry import find

from ..journal.model import CLOSED, Duty, Journal, Run
from .duties import is_run_command, payment
from .history import DONE, UNCLEAR, History
from .loans import keeping_copies
from .model import Verdict

ACTION, UNDO = "action:", "undo:"
ADOPT = f"{ACTION}adopt_loans"
ADOPT_AFTER = timedelta(hours=24)
"""How old a lock's copy must be before anybody puts the lock back whose journal does not know the run."""
MOST_RUNS = 100
"""How many runs of a VM are searched for removed locks."""
_UNDO_FACTS = ("vm", "protection", "item", "running_jobs", "recent_jobs", "locks")
_FACTS = (*_UNDO_FACTS, "collections")


def runbook_of(name: str, arguments: Mapping[str, str], journal: Callable[[], Journal], kept_in: str = "") -> Runbook:
    """Return the runbook of that name: an error code, ``action:NAME`` or ``undo:RUN``.

    Args:
        name: as the run has it.
        arguments: the arguments of a single action, or the runbook's inputs and choice.
        journal: opens the journal, where ``undo:RUN`` finds its run and ``restore_lock`` the lock it puts back.
        kept_in: the journal, where it would be lost with this machine; then locks on loan are copied onto the VM.

    Raises:
        UsageError: an unknown code, action, run, input or choice.
    """
    if name == ADOPT:
        return adopt_runbook(journal)
    if name.startswith(ACTION):
        return action_runbook(name[len(ACTION) :], arguments, journal)
    if name.startswith(UNDO):
        return undo_runbook(name[len(UNDO) :], journal())
    runbook = find(name)
    runbook.check_arguments(arguments)
    return keeping_copies(runbook, kept_in)


def find_action(name: str) -> Action:
    """Return the action of that name, written with underscores or dashes, in any case.

    Raises:
        UsageError: an unknown action.
    """
    known = {**ACTIONS, **guest_actions()}
    action = known.get(name.replace("-", "_").lower())
    if action is None:
        close = difflib.get_close_matches(name.lower(), known, n=5, cutoff=0.4) or tuple(ACTIONS)
        raise UsageError(f"unknown action {name[:80]!r}", "'remediate list' shows the actions.", tuple(close))
    return action


def action_runbook(name: str, arguments: Mapping[str, str], journal: Callable[[], Journal]) -> Runbook:
    """Return a runbook of one step that runs a single action under the same guards.

    Raises:
        UsageError: an unknown action.
    """
    action = find_action(name)

    def effects(situation: Situation) -> StepEffects:
        if action.name == "restore_lock" and not arguments.get("lock"):
            yield from _restore_removed_locks(situation.facts, journal())
        else:
            yield from action.run(situation.facts, arguments)

    step = Step(action.name, action.summary, effects)
    facts = (*_FACTS, "run_commands") if action.script else _FACTS
    return Runbook(f"{ACTION}{action.name}", action.summary, facts, _as_asked, (step,), proof=False)


def undo_runbook(run_id: str, journal: Journal) -> Runbook:
    """Return a runbook that takes back what a run has changed, the last change first.

    Raises:
        UsageError: no such run.
    """
    run = journal.run(run_id)
    if run is None:
        raise UsageError(f"there is no run {run_id!r}", "'remediate runs' lists them.")
    left_behind = [duty for duty in journal.duties(run.id) if is_run_command(duty)]
    perhaps = (*DONE, UNCLEAR, "")  # what nobody has seen the end of may have taken effect; what is there stays
    undos = [sent.change.undo for sent in reversed(History.of(run, journal).sent) if sent.result in perhaps]

    def effects(situation: Situation) -> StepEffects:
        for undo in undos:
            if undo is not None:
                yield from _take_back(situation.facts, undo)
        for duty in left_behind:
            yield from payment(situation.facts, duty)
        if not any(undos) and not left_behind:
            yield NoChange("the run has changed nothing that can be taken back")

    step = Step("undo", f"Take back what run {run.id[:12]} changed", effects)
    return Runbook(f"{UNDO}{run.id}", step.summary, _UNDO_FACTS, _as_asked, (step,), proof=False)


def adopt_runbook(journal: Callable[[], Journal]) -> Runbook:
    """Return a runbook that puts back the locks whose copies on the VM tell of runs that this journal does not know."""

    def effects(situation: Situation) -> StepEffects:
        facts = situation.facts
        loans, broken = decode(facts.vm().tags)
        for tag in broken:
            yield NoChange(f"the copy in the tag {tag!r} is not whole, or of a later version")
        for loan in loans:
            name, run = loan.lock_id.rsplit("/", 1)[-1], journal().run(loan.run_id)
            if run is not None:
                yield NoChange(f"run {run.id[:12]} of this journal owes the lock {name!r}: 'remediate resume' pays it")
            elif not in_subscription(loan, facts.vm_id):
                yield NoChange(f"the lock {name!r} is in another subscription than the VM")
            elif situation.now - loan.at < ADOPT_AFTER:
                yield NoChange(f"the lock {name!r} is away since {iso(loan.at)}: a run elsewhere may still need that")
            else:
                yield from payment(facts, Duty(loan.run_id, loan.lock_id, loan.body))
                yield from remove_note(facts, loan.tag)
        if not loans and not broken:
            yield NoChange("no tag of the VM tells of a lock on loan")

    summary = "put back locks that a lost run has taken on loan"
    return Runbook(ADOPT, summary, _UNDO_FACTS, _as_asked, (Step("adopt_loans", summary, effects),), proof=False)


def undone(run: Run, journal: Journal) -> bool:
    """Say whether somebody has begun to undo a run; then it is not repaired any further, only undone to the end."""
    done = (Verdict.APPLIED.value, Verdict.NOTHING_TO_DO.value)
    undos = (one for one in journal.runs(MOST_RUNS, run.vm_id) if one.runbook == f"{UNDO}{run.id}")
    return any(one.status != CLOSED or one.verdict in done for one in undos)


def _restore_removed_locks(facts: VmFacts, journal: Journal) -> Effects:
    """Put back the locks that earlier runs on this VM have removed, each as it was when it was last removed."""
    undos: dict[str, Undo] = {}
    for run in journal.runs(MOST_RUNS, facts.vm_id):
        for sent in History.of(run, journal).sent:
            undo = sent.change.undo
            if sent.result in DONE and undo is not None and undo.action == "restore_lock":
                undos.setdefault(normal(undo.target), undo)
    for key in sorted(undos):
        yield from _take_back(facts, undos[key])
    if not undos:
        yield NoChange("the journal knows of no lock that was removed for this VM; --lock ID names one")


def _take_back(facts: VmFacts, undo: Undo) -> Effects:
    if undo.operation == CREATE:
        return run_script(facts, undo.action, verb=str(undo.body["verb"]), parameters=undo.body["parameters"])
    if undo.action == REMOVE:
        return remove_note(facts, str(undo.body["tag"]))
    if undo.action == "start_vm":
        return start_vm(facts)
    if undo.action == "revoke_key_vault_access":
        return revoke_key_vault_access(facts, undo)
    if undo.action == "include_disks":
        return include_disks(facts, luns=undo.body["luns"])
    if undo.action == "resume_protection":
        return resume_protection(facts, policy_id=str(undo.body["policyId"]))
    return restore_lock(facts, undo.target, undo.body)


def _as_asked(_situation: Situation) -> Diagnosis:
    return Diagnosis(Decision.REPAIR, "asked for by the operator", ())
