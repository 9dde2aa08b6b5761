"""What the chains of failed restores share: the pre-flight, what it says of the error, and the documented way on.

A restore is never started here: the inputs are a human's choice, and what comes out is new resources.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from arm.errors import UsageError
from arm.facts.backup import Job
from arm.facts.collect import VmFacts
from arm.ids import parse

from .classify import classify_job
from .entry import Entry
from .model import Cause, Decision, Diagnosis, Finding, Runbook, Situation, Standing
from .preflight import (
    ACCOUNT,
    GROUP,
    INPUTS,
    MACHINE,
    NETWORK,
    POINT,
    SUBNET,
    Request,
    Result,
    Status,
    describe,
    invalid,
    look,
    offers,
    request_of,
    status_of,
    thing_of,
)
from .shared import basics, spoken_job

FACTS = (
    "vm_or_none",
    "item",
    "last_failed_restore",
    "locks",
    "recovery_points",
    "vault",
    "storage_accounts",
    "all_networks",
    "resource_groups",
)
"""What every pre-flight looks at."""
ALSO_READS = ("vms_of_name",)
FROM_DISKS = (
    "Create the VM from the restored disks after that: with the template of the restore job (the 'Template Blob Uri' "
    "that 'az backup job show' tells), or with PowerShell (Microsoft: 'Create a VM from restored disks')."
)
DISKS = (ACCOUNT, GROUP)
"""What a human names to restore the disks only."""


@dataclass(frozen=True)
class About:
    """What the documents say of one error of a restore.

    Attributes:
        own: the rules of the pre-flight whose breach the error means.
        needed: the inputs that a human has to name for another try.
        more: causes that no input shows, with the evidence.
        way: the documented next step, where correcting an input is not enough.
        repeatable: when the failed request is valid by now, it may be repeated as it is.
        machine: it is about a VM that is created, not about disks only.
        reads: facts that it looks at besides.
        check_health: ask Resource Health of the storage account.
    """

    own: tuple[str, ...]
    needed: tuple[str, ...]
    more: Callable[[VmFacts, Request], tuple[Cause, ...]] | None = None
    way: str = ""
    repeatable: bool = False
    machine: bool = False
    reads: tuple[str, ...] = ()
    check_health: bool = False


def restore_runbook(entry: Entry, about: About) -> Runbook:
    """Return the runbook of an error of a restore: it looks at the request, and writes nothing."""
    return Runbook(
        code=entry.id,
        title=entry.title,
        facts=(*FACTS, *(name for name in about.reads if name != "storage_health")),
        also_reads=(*ALSO_READS, *(name for name in about.reads if name == "storage_health")),
        diagnose=lambda situation: diagnose_restore(situation, entry, about),
        steps=(),
        inputs=INPUTS,
        proof=False,
        entry=entry,
    )


def diagnose_restore(situation: Situation, entry: Entry, about: About) -> Diagnosis:
    """Look at every input of the restore that failed, or is to be tried, and say which is invalid."""
    facts, findings = situation.facts, basics(situation.facts, backups=False)
    item, vault, failed = facts.item(), facts.vault(), _failed(situation)
    if item is None or vault is None:
        step = "Look for its protected item in the vaults; without one there is nothing to restore from."
        return Diagnosis(Decision.REFUSE, "the VM is not protected by any vault", findings, step)
    if item.soft_deleted:
        step = "Undelete it in the vault first, then restore."
        return Diagnosis(Decision.REFUSE, "the backup item is deleted (soft delete)", findings, step)
    if failed is not None:
        findings = (*findings, Finding("failed restore", f"job {failed.name}, {spoken_job(failed)}"))
    settled = _settled(facts, failed, entry, findings, asked=bool(situation.inputs))
    if settled is not None:
        return settled
    request = request_of(facts, vault, failed, situation.inputs, check_health=about.check_health)
    results = look(request)
    causes = _causes(results, about.own, about.more(facts, request) if about.more else ())
    findings = (*findings, Finding("vault", f"{vault.name} in {vault.location}"), *_shown(request, results))
    decision, reason, step = _follows(request, results, causes, about)
    if entry.legacy:
        reason = f"this error is one of classic cloud services, which the VM is not in; {reason}"
    return Diagnosis(decision, reason, findings, step, causes)


def _failed(situation: Situation) -> Job | None:
    """Return the failed restore that is meant.

    Raises:
        UsageError: the operator named a job that is no failed restore of this machine.
    """
    wanted, facts = situation.inputs.get("job", ""), situation.facts
    if not wanted:
        return facts.last_failed_restore()
    known = [job.name for job in facts.restores() if job.status == "Failed"]
    if wanted.lower() not in [name.lower() for name in known]:
        step = "Give the name of a restore of this VM that failed in the last 30 days, or leave it out."
        raise UsageError(f"{wanted!r} is no failed restore of this VM", step, known)
    return facts.read_job(wanted)


def _settled(
    facts: VmFacts, failed: Job | None, entry: Entry, findings: tuple[Finding, ...], *, asked: bool
) -> Diagnosis | None:
    """Say why there is nothing to look at, unless there is."""
    if failed is None:
        if asked:
            return None
        return Diagnosis(Decision.NOTHING, "no restore of the VM failed in the last 30 days", findings)
    told = classify_job(failed)
    meant = [told.entry] if told.entry is not None else list(told.candidates)
    if entry.id not in [one.id for one in meant]:
        shown = told.entry.id if told.entry is not None else spoken_job(failed)
        step = f"Run 'remediate {told.entry.id}'." if told.entry else "Name the error that the job shows, not this one."
        return Diagnosis(Decision.REFUSE, f"the restore failed with another error: {shown}", findings, step)
    if facts.completed_since(failed):
        return Diagnosis(Decision.NOTHING, "a restore of the VM has succeeded since", findings)
    return None


def _causes(results: tuple[Result, ...], own: tuple[str, ...], more: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """Return the documented causes, what no input shows, and every other input that is invalid.

    The first that is proven is the one; whatever else is invalid stays possible, and so does everything else while a
    documented cause cannot be looked at.
    """
    documented = [one for one in results if one.rule.name in own]
    others = [one for one in invalid(results) if one.rule.name not in own]
    told = [*map(_cause, documented), *more]
    proven = next((cause.name for cause in told if cause.standing is Standing.FOUND), "")
    open_ = any(cause.standing is Standing.POSSIBLE for cause in told)
    told += [_cause(one) for one in others]
    if not proven and not open_ and others:
        proven = others[0].rule.name
    return tuple(_only(cause, proven) for cause in told)


def _only(cause: Cause, proven: str) -> Cause:
    if cause.standing is not Standing.FOUND or cause.name == proven:
        return cause
    return Cause(cause.name, cause.summary, Standing.POSSIBLE, cause.evidence, cause.against)


def _cause(result: Result) -> Cause:
    rule = result.rule
    if result.status is Status.INVALID:
        return Cause(rule.name, rule.summary, Standing.FOUND, (result.saw,))
    if result.status is Status.VALID:
        return Cause(rule.name, rule.summary, Standing.RULED_OUT, (), (result.saw,))
    return Cause(rule.name, rule.summary, Standing.POSSIBLE, (), (result.saw,))


def _shown(request: Request, results: tuple[Result, ...]) -> tuple[Finding, ...]:
    """Return one finding for each input: what it is, and what is wrong with it."""
    found = []
    for name in dict.fromkeys(one.rule.input for one in results):
        if name not in request.values:
            continue
        own = [one for one in results if one.rule.input == name]
        status = status_of(name, results)
        wrong = "; ".join(one.saw for one in own if one.status is status and status is not Status.VALID)
        by = "" if name in request.given else ", as the failed job says"
        found.append(Finding(name, f"{request.values[name]}{by}: {status.value}{f' ({wrong})' if wrong else ''}"))
    return tuple(found)


def _follows(
    request: Request, results: tuple[Result, ...], causes: tuple[Cause, ...], about: About
) -> tuple[Decision, str, str]:
    """Return what follows from the pre-flight: the decision, why, and the human's next step."""
    wrong = invalid(results)
    call = command(request, results, machine=about.machine)
    if wrong:
        names = ", ".join(dict.fromkeys(f"the {one.rule.input}" for one in wrong))
        what = "; ".join(one.saw for one in wrong)
        return Decision.ADVISE, f"{names} of the restore cannot be used: {what}", _say(_choices(wrong), about, call)
    missing = [name for name in about.needed if status_of(name, results) is not Status.VALID]
    by_human = any(name in request.given for name in about.needed)
    proven = next((cause for cause in causes if cause.standing is Standing.FOUND), None)
    if not missing and (by_human or (about.repeatable and proven is None)):
        names = ", ".join(f"{name} {describe(request, name)}" for name in sorted(request.values) if name in INPUTS)
        do = "restore the disks with it" if about.needed == DISKS else "run the restore again"
        return Decision.NOTHING, f"the request is valid now, {do}: {names}", call
    if proven is not None:
        return (
            Decision.ADVISE,
            f"{proven.summary}: {'; '.join(proven.evidence)}",
            _say(_questions(request, about.needed), about, call),
        )
    known = ", ".join(f"{name} {value}" for name, value in sorted(request.values.items())) or "no input is known"
    reason = f"nothing that is known of the request is invalid ({known})"
    if missing:
        reason += f"; not known: {', '.join(missing)}"
    return Decision.ADVISE, reason, _say(_questions(request, missing or about.needed), about, call)


def _say(parts: list[str], about: About, call: str) -> str:
    return " ".join([*parts, *([about.way] if about.way else []), f"The command, once that is decided: {call}"])


def _choices(wrong: tuple[Result, ...]) -> list[str]:
    """Return, for every invalid input, the valid ones to choose from."""
    found: dict[str, str] = {}
    for one in wrong:
        some = ", ".join(one.offers) if one.offers else "none that can be read here: make one, or name another"
        found[one.rule.input] = f"Another {one.rule.input}: {some} (check it with --input {one.rule.input}=NAME)."
    return list(found.values())


def _questions(request: Request, names: tuple[str, ...] | list[str]) -> list[str]:
    """Return, for inputs that are not known, the ask for them with what would be valid."""
    return [
        f"Say which {name}: --input {name}=NAME; valid: {', '.join(offers(request, name)) or 'none that is seen'}."
        for name in names
        if name not in request.given
    ]


def command(request: Request, results: tuple[Result, ...], *, machine: bool) -> str:
    """Return the documented command for the restore, with what is valid filled in, in capitals what is not known.

    Args:
        request: the request.
        results: what came out for it.
        machine: create a VM; else restore its disks.
    """
    item = request.facts.item()
    names = parse(item.id).names if item is not None else ("", "", "CONTAINER", "ITEM")
    home = parse(request.vault.id)

    def valid(name: str) -> str:
        thing = thing_of(request, name) if status_of(name, results) is Status.VALID else None
        if thing is None:
            return name.upper()
        return str(thing.id if name == ACCOUNT else getattr(thing, "name", thing))

    options = {
        "resource-group": home.resource_group,
        "vault-name": home.name,
        "container-name": names[-2],
        "item-name": names[-1],
        "rp-name": valid(POINT),
        "storage-account": valid(ACCOUNT),
        "target-resource-group": valid(GROUP),
    }
    if machine:
        known = status_of(NETWORK, results) is Status.VALID
        network = thing_of(request, NETWORK) if known else None
        options |= {
            "restore-mode": "AlternateLocation",
            "target-vm-name": valid(MACHINE),
            "target-vnet-name": valid(NETWORK),
            "target-vnet-resource-group": parse(network.id).resource_group if network is not None else "VNET-GROUP",
            "target-subnet-name": valid(SUBNET).rpartition("/")[2] if known else SUBNET.upper(),
        }
    return (
        f"az backup restore restore-disks {' '.join(f'--{name} {shlex.quote(one)}' for name, one in options.items())}"
    )
