"""Run a script inside a VM, through Azure's Run Command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from arm.errors import UsageError
from arm.facts.collect import VmFacts

from ..change import Change, Effects, Impact, NoChange, Undo
from .scripts import APPLY, CHECK, UNDO, Script, digest, find_script

CREATE, DELETE, CLASSIC = "run_commands.create", "run_commands.delete", "virtual_machines.run_command"
"""The operations: a managed run command (v2), its removal, and a run command of the first kind (v1)."""
SCRIPTS = (CREATE, CLASSIC)
REMOVE = "remove_run_command"
NO_MANAGED = ("InvalidResourceType", "NoRegisteredProviderFound", "ResourceTypeNotSupported", "FeatureNotSupported")
"""Azure's codes where managed run commands are not offered."""


def run_script(
    facts: VmFacts,
    action: str,
    *,
    verb: str = APPLY,
    parameters: Mapping[str, str] | None = None,
    reason: str = "asked for",
) -> Effects:
    """Run a script inside the VM as SYSTEM or root. It is idempotent: it looks first, and changes what differs.

    Args:
        facts: facts of the VM.
        action: which script.
        verb: ``check``, ``apply`` or ``undo``.
        parameters: its values by name.
        reason: why.

    Raises:
        UsageError: no such script, verb or parameter, or it is for another operating system.

    Permission: ``Microsoft.Compute/virtualMachines/runCommands/write``, ``read`` and ``delete`` (v2), or
    ``…/runCommand/action`` (v1). Source: REST operation "Virtual Machine Run Commands - Create Or Update".
    """
    script = find_script(action)
    vm = facts.vm_or_none()
    if vm is None:
        yield NoChange("the VM does not exist any more")
        return
    if vm.os_type.lower() != script.os:
        raise UsageError(
            f"{script.action} is for {script.os.capitalize()}, and the VM runs {vm.os_type}",
            "Use an action for its operating system.",
        )
    text = script.text(verb, parameters)
    target = _resource(vm.id, script.action, text)
    if any(one.name.lower() == target.rsplit("/", 1)[-1].lower() and not one.going for one in facts.run_commands()):
        yield remove_run_command(target, "an earlier run has left it behind")
    values = script.values(parameters or {})
    undo = Undo(script.action, CREATE, target, {"verb": UNDO, "parameters": values})
    change = Change(
        action=script.action,
        operation=CREATE,
        target=target,
        summary=summary(script, verb),
        reason=reason,
        before=None,
        after={
            "purpose": script.purpose,
            "effect": script.effect if verb != CHECK else "none",
            "touches": list(script.touches) if verb != CHECK else [],
            **({"parameters": values} if values else {}),
            **({"caution": script.caution} if script.caution and verb != CHECK else {}),
            "sha256": digest(text),
        },
        impact=Impact.NONE if verb == CHECK else script.impact,
        body={
            "script": text,
            "os": script.os,
            "verb": verb,
            "parameters": values,
            "seconds": script.seconds,
            "location": vm.location,
        },
        undo=undo if script.undo and verb == APPLY else None,
        repairs=verb != CHECK,
    )
    # under a lock against deletion the run command's resource could not be removed again: v1 leaves none
    yield as_classic(change, approved=False) if facts.locks_in_the_way("DELETE", target) else change


def run_command_of(change: Change) -> str:
    """Return the id of the run command of a script (v2), also where the script is sent the older way (v1)."""
    return _resource(_vm_id(change), change.action, str(change.body["script"]))


def _resource(vm_id: str, action: str, text: str) -> str:
    return f"{vm_id}/runCommands/remediate-{action.replace('_', '-')}-{digest(text)[:8]}"


def _vm_id(change: Change) -> str:
    at = change.target.lower().find("/runcommands/")
    return change.target if at < 0 else change.target[:at]


def summary(script: Script, verb: str) -> str:
    """Return in one line what a script does."""
    title = script.title[:1].lower() + script.title[1:]
    return {
        CHECK: f"look inside the VM, changing nothing: {title}",
        APPLY: f"run a script inside the VM: {title}",
        UNDO: f"run a script inside the VM that takes back: {title}",
    }[verb]


def remove_run_command(target: str, reason: str) -> Change:
    """Return the change that removes a run command's resource; what its script did stays.

    Permission: ``Microsoft.Compute/virtualMachines/runCommands/delete``.
    """
    return Change(
        action=REMOVE,
        operation=DELETE,
        target=target,
        summary=f"remove the run command {target.rsplit('/', 1)[-1]} from Azure",
        reason=reason,
        before={"exists": True},
        after=None,
        repairs=False,
    )


def as_classic(change: Change, *, approved: bool = True) -> Change:
    """Return the same script as a run command of the first kind (v1).

    Args:
        change: the managed run command (v2).
        approved: what approves the one approves the other.
    """
    stands_for = change.fingerprint if approved else change.stands_for
    return replace(change, operation=CLASSIC, target=_vm_id(change), stands_for=stands_for)


def as_check(change: Change) -> Change:
    """Return the change that asks a script what it has done: the same one, with the verb ``check``."""
    script = find_script(change.action)
    values = dict(change.body["parameters"])
    text = script.text(CHECK, values)
    target = change.target if change.operation == CLASSIC else _resource(_vm_id(change), change.action, text)
    return replace(
        change,
        target=target,
        summary=summary(script, CHECK),
        reason="what it has done cannot be told from its answer",
        after={"purpose": script.purpose, "effect": "none", "touches": [], "sha256": digest(text)},
        impact=Impact.NONE,
        body={**change.body, "script": text, "verb": CHECK},
        undo=None,
        repairs=False,
        stands_for="",
    )
