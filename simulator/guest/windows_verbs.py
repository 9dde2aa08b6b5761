"""The verbs of a Windows script: look, change, put back, and the task that works after the script has ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulator.wire import Json

from .windows_actions import LOOKS, REBOOT_AFTER_UNDO, set_action
from .windows_machine import Machine, WindowsFailure
from .windows_probe import PROBES
from .windows_script import Failed, Head, Refused, Run
from .windows_table import (
    DETACHED,
    applies,
    confirm_table,
    look_at_table,
    set_items,
    undo_table,
    unix_time,
)

FAILURES = (Failed, WindowsFailure, ValueError)


def invoke(run: Run) -> None:
    """Do what a script says and leave its answer in ``run``."""
    try:
        _confirm_shell(run)
        confirm_table(run.head.table)
        VERBS[run.head.verb](run)
    except Refused as why:
        run.refused, run.applied = str(why), False
    except FAILURES as failure:
        run.error, run.applied = str(failure), False


def invoke_task(machine: Machine, task: Json) -> None:
    """Do what a script has handed over, and write down how that ended."""
    run = Run(machine, Head(task["action"], "apply", {}, task["table"]))
    detail = "done"
    try:
        for item in run.head.table:
            if item["kind"] == DETACHED:
                set_items(run, [one for one in item["items"] if applies(run, one)])
    except (Refused, *FAILURES) as failure:
        detail = str(failure)
    ok = detail == "done"
    run.write_result({"task": task["action"], "ok": ok, "detail": detail[:200], "at": unix_time(machine)})


def _confirm_shell(run: Run) -> None:
    version = run.machine.state["os"]["powershell"]
    if int(version.split(".", 1)[0]) < 5:
        raise Refused(f"PowerShell is {version}, and 5 is needed")
    if run.head.verb not in VERBS:
        raise Refused(f"no such verb: {run.head.verb}")


def _look(run: Run) -> None:
    run.found.clear()
    run.needed = False
    probe = PROBES.get(run.head.action)
    if probe is not None:
        run.found.update(probe(run.machine))
        return
    LOOKS.get(run.head.action, look_at_table)(run)
    if run.result is not None:
        run.found["result"] = run.result
    if run.record:
        run.found["recorded"] = True


def _check(run: Run) -> None:
    _look(run)
    run.applied = not run.needed


def _apply(run: Run) -> None:
    _look(run)
    if not run.needed:
        run.applied = True
        return
    set_action(run)
    _confirm(run)
    run.needed = run.applied = True


def _confirm(run: Run) -> None:
    _look(run)
    if run.needed:
        raise Failed("it was changed, and yet it is not as it has to be")


def _undo(run: Run) -> None:
    if not run.record:
        raise Failed("there is no record of an apply: nothing can be put back")
    undo_table(run)
    if run.head.action in REBOOT_AFTER_UNDO:
        run.pending = "reboot"
    run.needed = run.applied = True


VERBS: Mapping[str, Callable[[Run], None]] = {"check": _check, "apply": _apply, "undo": _undo}
