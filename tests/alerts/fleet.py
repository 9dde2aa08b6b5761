"""A drill with many machines whose backups fail, and what alerts know of each."""

from __future__ import annotations

from ..drill import Drill
from .samples import Failure


def add_machines(world: Drill, count: int) -> None:
    """Add machines to the main scenario whose backups have failed for the same reason as the first one's.

    Besides them, as many healthy ones that the share of changed machines among all of the vault stays small.
    """
    from simulator.scenarios.stage import Stage

    simulated = world.simulator.world
    (vault,) = simulated.recoveryservices.vaults.values()
    for number in range(2, 5 * count + 1):
        stage = Stage(simulated, f"web-{number:02}")
        stage.vault, (stage.policy, *_) = vault, vault.policies.values()
        stage.machine()
        stage.item = simulated.recoveryservices.protect(stage.vm.id, vault, stage.policy)
        if number <= count:
            stage.limit()


def failures(world: Drill) -> list[Failure]:
    """What an alert knows of every machine's newest failed backup."""
    newest: dict[str, Failure] = {}
    (vault,) = world.simulator.world.recoveryservices.vaults.values()
    for job in sorted(vault.jobs.values(), key=lambda one: one.started):
        if job.status == "Failed":
            newest[job.item.vm_id] = Failure(vm=job.item.vm_id, vault=vault.id, job=job.name)
    return list(newest.values())
