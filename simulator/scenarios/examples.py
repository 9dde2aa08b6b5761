"""What ``docs/add-a-runbook.md`` shows: errors that have no chain yet, with their cause true on the wire."""

from __future__ import annotations

from simulator.scenarios.stage import Row, Stage

STUCK = "ExtensionStuckInDeletionState"


def _stuck(stage: Stage) -> Stage:
    """Let somebody's deletion of the backup extension have never ended."""
    stage.web_server().vault_points(20, newest=5).points(2, newest=stage.night(3)).failed(STUCK, nights=3)
    stage.extension("Deleting")
    extensions = stage.vm.extensions.values
    return stage.fails_while(STUCK, lambda: any(one.provisioning_state == "Deleting" for one in extensions()))


def _stuck_without_agent(stage: Stage) -> Stage:
    return _stuck(stage.machine(agent="NotReady"))


ROWS: tuple[Row, ...] = (
    (
        "extension-stuck-in-deletion",
        STUCK,
        "The deletion of VMSnapshotLinux began three days ago and has never ended; the VM agent is ready.",
        _stuck,
    ),
    (
        "extension-stuck-in-deletion-no-agent",
        STUCK,
        "The same, and the VM agent is not ready, so that nothing can be uninstalled.",
        _stuck_without_agent,
    ),
)
