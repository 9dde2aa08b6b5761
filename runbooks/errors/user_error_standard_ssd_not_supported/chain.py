"""The chain, as it is today: Standard SSD is supported in every vault, so back up; refused again, ask Microsoft."""

from __future__ import annotations

from arm.facts.backup import Job
from arm.facts.collect import VmFacts

from ...catalogue import load
from ...checks import Status, look
from ...disks import sized
from ...model import Cause, Decision, Diagnosis, Finding, Runbook, Situation, Standing
from ...protection import enable
from ...shared import BACK_UP, FACTS, advise, basics, outset, spoken_job

ENTRY = load("user_error_standard_ssd_not_supported")
AGAIN = "back-up"
_UPGRADED = "Instant Restore is on in every vault and cannot be turned off; Standard SSD is supported with it"
_SUPPORT = (
    "Open a case at Microsoft Support: Standard SSD is in the support matrix of Azure VM backup. "
    "When it is solved: --choose back-up."
)


def diagnose(situation: Situation) -> Diagnosis:
    """Find out whether anything else about the disks is not supported, and whether a retry has failed already."""
    facts = situation.facts
    enabled = facts.item() is not None or facts.vm_or_none() is None
    early = outset(facts, ENTRY) if enabled else None
    if early is not None:
        return early
    support = look("CHK-DISK-SUPPORT", facts)
    findings = (
        *basics(facts, backups=enabled),
        *_ssds(facts),
        Finding("disks", f"{support.status.value}: {support.saw}"),
    )
    wrong = support.status is Status.FAIL
    causes = (
        Cause("vault-not-upgraded", "the vault has no Instant Restore", Standing.RULED_OUT, (), (_UPGRADED,)),
        Cause("disk-not-supported", "something else about the disks is not supported", Standing.FOUND, (support.saw,))
        if wrong
        else Cause(
            "disk-not-supported",
            "something else about the disks is not supported",
            Standing.RULED_OUT if support.status is Status.PASS else Standing.POSSIBLE,
            (),
            (support.saw,),
        ),
    )
    if wrong:
        step = f"Make it what is supported, or take the disk off: {support.expected}. Then run again."
        return advise(f"Standard SSD is supported; this is not: {support.saw}", step, findings, *causes)
    if not enabled:
        step = f"Enable backup: {enable(facts.vm_id)}. If that is refused again: {_SUPPORT}"
        return advise("Standard SSD is supported; the VM is not protected by any vault", step, findings, *causes)
    retried = _retried(facts)
    if retried is not None and situation.choice != AGAIN:
        step = f"{_SUPPORT} Give them the activity id {retried.activity_id} of the job {retried.name}."
        return advise(
            f"Standard SSD is supported, and a retry has failed all the same: {spoken_job(retried)}",
            step,
            findings,
            *causes,
        )
    return Diagnosis(Decision.REPAIR, "Standard SSD is supported now, and so are all disks", findings, causes=causes)


def _ssds(facts: VmFacts) -> tuple[Finding, ...]:
    """Return the Standard SSDs, or that there is none."""
    kinds = {disk.name: disk.sku for disk in facts.disks() if disk.sku.lower().startswith("standardssd")}
    found = [f"{one}, {kinds[one.disk.name]}" for one in sized(facts) if one.disk.name in kinds]
    return tuple(Finding("Standard SSD", text) for text in found or ["no disk that is backed up is one"])


def _retried(facts: VmFacts) -> Job | None:
    """Return the retry that has failed: the last failed backup, where a human or a runbook had started it."""
    failed = facts.last_failed_job()
    return failed if failed is not None and failed.on_demand else None


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=(*FACTS, "disks"),
    also_reads=("recovery_points", "policy"),
    writes=("backups.trigger",),
    choices={AGAIN: "Microsoft has solved the case: back up, which proves it"},
    diagnose=diagnose,
    steps=(BACK_UP,),
    entry=ENTRY,
)
