"""Cancel a backup job."""

from __future__ import annotations

from arm.facts.backup import Job
from arm.facts.collect import VmFacts

from .change import Change, Effects, Impact, NoChange


def cancel_backup_job(job: Job, *, reason: str = "asked for") -> Effects:
    """Cancel a backup that is in progress. It is disruptive: that backup brings no recovery point.

    Azure allows it only while the snapshot is taken; the guard ``cancel-in-time`` looks again right before it is sent.

    Args:
        job: a job that has not ended; it may be in another vault that backs up the same VM.
        reason: why.

    Permission: ``Microsoft.RecoveryServices/Vaults/backupJobs/cancel/action``.
    Source: catalogue action ``cancel_backup_job``.
    """
    if job.status == "Cancelling":
        yield NoChange(f"the job {job.name} is being cancelled already")
    else:
        yield Change(
            action="cancel_backup_job",
            operation="jobs.cancel",
            target=job.id,
            summary=f"cancel the {job.operation} job {job.name}",
            reason=reason,
            before={"status": job.status},
            after={"status": "Cancelled"},
            impact=Impact.DISRUPTIVE,
        )


def jobs_to_cancel(facts: VmFacts) -> tuple[Job, ...]:
    """Return the jobs of this VM that have not ended, those in other vaults that hold an item of it included."""
    return (*facts.running_jobs(), *facts.jobs_elsewhere())
