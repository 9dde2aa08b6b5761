"""``script``: the exact text of a script that runs inside a VM. No request is sent."""

from __future__ import annotations

from collections.abc import Mapping

import click

from actions.guest.scripts import digest, find_script

from .output import print_json


def print_script(name: str, verb: str, parameters: Mapping[str, str], output: str) -> None:
    """Print a script as it would be sent, with its manifest.

    Args:
        name: its action.
        verb: ``check``, ``apply`` or ``undo``; a script that only reads is always asked to check.
        parameters: its values by name.
        output: ``text``, ``json`` or ``markdown``.

    Raises:
        UsageError: no such script, verb or parameter.
    """
    script = find_script(name)
    verb = script.verbs[0] if script.reads_only else verb
    text = script.text(verb, parameters)
    if output == "json":
        print_json(
            {
                "schema": "remediate.script/1",
                "action": script.action,
                "os": script.os,
                "verb": verb,
                "title": script.title,
                "purpose": script.purpose,
                "effect": script.effect,
                "impact": script.impact.value,
                "caution": script.caution,
                "source": script.source,
                "seconds": script.seconds,
                "verbs": list(script.verbs),
                "parameters": {key: one.meaning for key, one in script.parameters.items()},
                "touches": list(script.touches),
                "sha256": digest(text),
                "text": text,
            }
        )
        return
    facts = {
        "sha256": digest(text),
        "effect": script.effect,
        "impact": script.impact.value,
        "time limit": f"{script.seconds} s",
        **({"caution": script.caution} if script.caution else {}),
        **{f"input {key}": one.meaning for key, one in script.parameters.items()},
    }
    lines = [*(f"{label}: {value}" for label, value in facts.items()), *(f"touches: {one}" for one in script.touches)]
    if output == "markdown":
        fence = "powershell" if script.os == "windows" else "sh"
        head = [f"## {script.action}, {verb}", "", f"{script.title}. {script.purpose}", ""]
        click.echo("\n".join([*head, *(f"* {line}" for line in lines), "", f"```{fence}", text.rstrip("\n"), "```"]))
        return
    for line in lines:
        click.echo(f"# {line}", err=True)
    click.echo(text, nl=not text.endswith("\n"))
