"""Something inside the VM keeps a restore point from being made, as the compute platform says it."""

from __future__ import annotations

from simulator.guest.windows_machine import Machine
from simulator.guest.windows_probe import PLUGIN
from simulator.scenarios.guest import LARGE_HEAP, outside, restart_pending, windows_broken
from simulator.scenarios.stage import Row

RP_COM = "VMRestorePointClientError.ComPlus"
RP_HEAP = "VMRestorePointClientError.ComPlusMemoryQuota"
RP_MSDTC = "VMRestorePointClientError.Msdtc"
RP_VCREDIST = "VMRestorePointClientError.VCRedist"
RP_WRITERS = "VMRestorePointClientError.VssWriters"
RP_INTERNAL = "VMRestorePointInternalError"


def _scanned(machine: Machine) -> bool:
    """Say whether Defender holds the extension's files."""
    defender = machine.state["defender"]
    ignored = defender["managed"] or PLUGIN not in defender["exclusions"]
    return defender["state"] == "on" and ignored and machine.state["events"]["faulting"] > 0


ROWS: tuple[Row, ...] = (
    (
        "rp-com-plus-stopped",
        RP_COM,
        "The COM+ System Application inside Windows is stopped; a restore point says so.",
        windows_broken(RP_COM, "com-plus-stopped"),
    ),
    (
        "rp-com-plus-hung",
        RP_COM,
        "COM+ inside Windows hangs, and no restore point can be made until the VM is restarted.",
        windows_broken(RP_COM, "com-plus-hung"),
    ),
    (
        "rp-com-heap-small",
        RP_HEAP,
        "The desktop heap inside Windows is too small for COM+; a restore point says so.",
        windows_broken(RP_HEAP, "com-plus-heap"),
    ),
    (
        "rp-com-heap-large-enough",
        RP_HEAP,
        "The desktop heap inside Windows is large already; no restore point can be made nevertheless.",
        outside(RP_HEAP, **LARGE_HEAP),
    ),
    (
        "rp-msdtc-account",
        RP_MSDTC,
        "MSDTC inside Windows runs under an account whose password nobody knows; a restore point says so.",
        windows_broken(RP_MSDTC, "msdtc-account"),
    ),
    (
        "rp-msdtc-clustered",
        RP_MSDTC,
        "MSDTC does not start on a node of a failover cluster; a restore point says so.",
        windows_broken(RP_MSDTC, "msdtc-damaged", "cluster-node"),
    ),
    (
        "rp-vcredist-missing",
        RP_VCREDIST,
        "The Visual C++ runtime inside Windows is missing; a restore point says so.",
        windows_broken(RP_VCREDIST, "vcredist-missing"),
    ),
    (
        "rp-vcredist-restart-pending",
        RP_VCREDIST,
        "The Visual C++ runtime is installed, and Windows waits for a restart before a restore point can be made.",
        windows_broken(RP_VCREDIST, "reboot-pending", holds=restart_pending, silent=True),
    ),
    (
        "rp-vss-writer-failed",
        RP_WRITERS,
        "The VSS writer 'System Writer' inside Windows is in the state [8] Failed; a restore point says so.",
        windows_broken(RP_WRITERS, "vss-writer-failed"),
    ),
    (
        "rp-vss-writer-sql",
        RP_WRITERS,
        "The VSS writer of SQL Server is in the state [8] Failed; a restore point says so.",
        windows_broken(RP_WRITERS, "vss-writer-sql"),
    ),
    (
        "rp-defender-scans",
        RP_INTERNAL,
        "Microsoft Defender holds the backup extension's files, whose program has failed twice.",
        windows_broken(RP_INTERNAL, "defender-scans", holds=_scanned),
    ),
    (
        "rp-defender-managed",
        RP_INTERNAL,
        "Microsoft Defender holds the backup extension's files, and a policy manages its exclusions.",
        windows_broken(RP_INTERNAL, "defender-managed", holds=_scanned),
    ),
)
