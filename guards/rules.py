"""The guards that look at the VM, its jobs, its vault and its locks."""

from __future__ import annotations

from datetime import timedelta

from actions.change import Change
from actions.guest.run import SCRIPTS
from actions.protection import VM_GONE
from arm.facts.times import iso
from arm.ids import normal, same, spoken
from arm.transport import denied

from .model import Guarded, Refusal

OPT_OUT_TAG = "backup-remediation"
OPT_OUT_VALUE = "off"
ON_DEMAND_PER_DAY = 9
"""Azure's limit of on-demand backups of one VM in a day."""
_WHILE_JOBS_RUN = ("locks.create_or_update", "jobs.cancel", "run_commands.delete")
_PROTECTION_WRITES = (
    "protected_items.stop",
    "protected_items.resume",
    "protected_items.undelete",
    "protected_items.set_disks",
)


def dry_run(change: Change, situation: Guarded) -> Refusal | None:
    """In a dry run nothing is sent."""
    if not situation.dry_run:
        return None
    return Refusal("dry-run", f"a dry run never sends: {change.summary}", "Run without --dry-run.")


def deny_list(change: Change, _situation: Guarded) -> Refusal | None:
    """What the deny list names is never sent, whatever plan it came from."""
    what = denied(change.method, change.path)
    if what is None:
        return None
    return Refusal("deny-list", f"{change.method} {change.path} is {what}", "Do it by hand, if it is really wanted.")


def opt_out(_change: Change, situation: Guarded) -> Refusal | None:
    """A VM tagged ``backup-remediation: off`` is left alone; what was taken before is still given back."""
    vm = None if situation.repaying else situation.facts.vm_or_none()
    for name, value in (vm.tags if vm else {}).items():
        if name.lower() == OPT_OUT_TAG and value.strip().lower() == OPT_OUT_VALUE:
            saw = f"the VM carries the tag {name}: {value}"
            return Refusal("opt-out", saw, "Ask the VM's owner; remove the tag to allow repairs.")
    return None


def job_in_progress(change: Change, situation: Guarded) -> Refusal | None:
    """While a backup, restore or other job of the VM runs, nothing is changed.

    A lock may be put back, a look be taken inside the VM, a run command be cleared away, and a job cancelled: that is
    the one change that is meant for a job in progress.
    """
    running = situation.facts.running_jobs()
    if not running or change.operation in _WHILE_JOBS_RUN or not change.repairs:
        return None
    job = running[0]
    since = f" since {iso(job.started)}" if job.started else ""
    saw = f"a {job.operation} job ({job.name}) is in progress{since}"
    return Refusal("job-in-progress", saw, "Wait until it has ended, then run again.", passing=True)


def on_demand_limit(change: Change, situation: Guarded) -> Refusal | None:
    """Azure takes nine on-demand backups of a VM a day; a tenth would fail and hide the real error."""
    if change.operation != "backups.trigger":
        return None
    since = situation.facts.azure_now - timedelta(days=1)
    count = sum(
        1
        for job in situation.facts.recent_jobs()
        if job.on_demand and job.operation == "Backup" and job.started is not None and job.started > since
    )
    if count < ON_DEMAND_PER_DAY:
        return None
    saw = f"{count} on-demand backups of this VM in the last 24 hours; Azure allows {ON_DEMAND_PER_DAY}"
    return Refusal("on-demand-limit", saw, "Run again tomorrow, or wait for the scheduled backup.", passing=True)


def resource_guard(change: Change, situation: Guarded) -> Refusal | None:
    """A vault under a Resource Guard wants a second person for critical operations; that is never worked round."""
    if change.operation not in _PROTECTION_WRITES:
        return None
    guards = situation.facts.resource_guards()
    if not guards:
        return None
    operations = ", ".join(sorted({name for guard in guards for name in guard.operations})) or "its operations"
    return Refusal(
        "resource-guard",
        f"the vault is under the Resource Guard proxy {guards[0].proxy_id}, which protects {operations}",
        "Ask a Backup MUA Operator to do this in the portal.",
    )


def lock_in_the_way(change: Change, situation: Guarded) -> Refusal | None:
    """A lock that would refuse the write, and that the plan does not remove first, is respected."""
    if change.operation.startswith("locks."):
        return None
    for lock in situation.facts.locks_in_the_way(change.method, change.path):
        if normal(lock.id) not in situation.removed_locks:
            where = f"{change.method} on {spoken(change.target)}"
            saw = f"the {lock.level} lock {lock.name!r} on {spoken(lock.scope)} refuses {where}"
            return Refusal("lock-in-the-way", saw, "Ask the lock's owner; this plan does not remove it.")
    return None


def lock_as_found(change: Change, situation: Guarded) -> Refusal | None:
    """A lock is removed only as the plan has shown it: what people have done with it since then counts."""
    if change.operation != "locks.delete" or change.undo is None:
        return None
    found = next((lock for lock in situation.facts.locks() if same(lock.id, change.target)), None)
    if found is not None and found.body() == change.undo.body:
        return None
    name = change.target.rsplit("/", 1)[-1]
    saw = f"the lock {name!r} {'is gone' if found is None else 'was changed'} since the plan was made"
    return Refusal("lock-as-found", saw, "Run again: the plan is made anew.", passing=True)


def agent_ready(change: Change, situation: Guarded) -> Refusal | None:
    """Removing an extension needs a running VM with a ready agent, or it hangs and leaves the extension stuck."""
    if change.operation != "virtual_machine_extensions.delete":
        return None
    vm = situation.facts.vm()
    if vm.power_state != "running":
        return Refusal(
            "agent-ready", f"the VM is {vm.power_state}", "Start the VM when its owner agrees, then run again."
        )
    if vm.agent_status != "Ready":
        saw = f"the VM agent is {vm.agent_status or 'not reporting'}"
        return Refusal("agent-ready", saw, "Repair the VM agent first; without it the extension cannot be removed.")
    return None


def power_state(change: Change, situation: Guarded) -> Refusal | None:
    """A machine that the platform is changing is left alone; one that does not run is not restarted."""
    if not change.operation.startswith("virtual_machines.") and change.operation not in SCRIPTS:
        return None
    vm = situation.facts.vm_or_none()
    if vm is None:
        return Refusal("power-state", "the VM does not exist any more", "Restore it first.")
    if vm.in_transition:
        saw = f"the platform is changing the VM: {vm.provisioning_state}, {vm.power_state}"
        return Refusal("power-state", saw, "Wait until it has ended, then run again.", passing=True)
    if change.operation == "virtual_machines.restart" and vm.power_state != "running":
        return Refusal("power-state", f"the VM is {vm.power_state}", "Ask its owner whether it should run.")
    return None


def cancel_in_time(change: Change, situation: Guarded) -> Refusal | None:
    """Azure cancels a backup only while its snapshot is taken; other jobs, and the transfer, it lets end."""
    if change.operation != "jobs.cancel":
        return None
    jobs = (*situation.facts.running_jobs(), *situation.facts.jobs_elsewhere())
    job = next((one for one in jobs if same(one.id, change.target)), None)
    if job is not None and job.cancellable and job.operation == "Backup":
        return None
    name = change.target.rsplit("/", 1)[-1]
    saw = f"the job {name} is not in progress any more" if job is None else f"Azure does not offer to cancel {name}"
    return Refusal("cancel-in-time", saw, "Wait until it has ended, then run again.")


def vm_gone(change: Change, situation: Guarded) -> Refusal | None:
    """What is right only for a machine that is gone is refused as soon as the machine exists."""
    if change.operation != "protected_items.stop" or not VM_GONE.items() <= dict(change.before or {}).items():
        return None
    vm = situation.facts.vm_or_none()
    if vm is None:
        return None
    saw = f"the VM {vm.name} exists ({vm.power_state})"
    return Refusal("vm-gone", saw, "Plan again: its backups can go on.")
