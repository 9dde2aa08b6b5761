"""What came of a script inside the VM: heard through Azure, and believed only as far as it can be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from actions.change import Change
from actions.guest.answer import Answer, parse_answer
from actions.guest.run import CREATE, NO_MANAGED
from actions.guest.scripts import PROBES, find_script
from actions.probes import SKEW
from arm.errors import NotFound, Rejected, RemediationError
from arm.facts.collect import VmFacts
from arm.facts.guest import GuestFacts
from arm.facts.run_commands import RunCommand, output_of, read_run_command
from arm.facts.times import parse_time

from .history import APPLIED, FAILED, NOT_OFFERED, UNCLEAR, Sent

GRACE = timedelta(minutes=10)
"""How long after a script's own time limit Azure may take to say that it has ended."""

SHOWS = timedelta(minutes=1)
"""How long after Azure has taken it a run command may not be found yet: Azure's answers lag behind."""


@dataclass(frozen=True)
class Heard:
    """How a script ended, as far as can be told.

    Attributes:
        result: a result of :mod:`remediate.engine.history`; empty while it still runs.
        detail: in one line, for people.
        said: the script's own answer, where it gave one.
    """

    result: str
    detail: str
    said: Mapping[str, Any] | None = None


STILL_RUNNING = Heard("", "the script is still running")


def tell_guest(facts: VmFacts, said: Mapping[str, Mapping[str, Any]]) -> None:
    """Give the facts what a look inside the VM has told a run."""
    for os, action in PROBES.items():
        at = parse_time(str(said.get(action, {}).get("at")))
        if at is not None:
            facts.tell_guest(GuestFacts(os, dict(said[action]["found"]), at))


def not_sent(error: RemediationError) -> Heard | None:
    """Return what a refused send of a script means, where it means more than a failure."""
    if isinstance(error, Rejected) and error.azure_code in NO_MANAGED:
        return Heard(NOT_OFFERED, f"managed run commands are not offered here ({error.azure_code})")
    return None


def hear(facts: VmFacts, sent: Sent, output: Mapping[str, Any], failure: str) -> Heard:
    """Ask how a script ended.

    Args:
        facts: facts of the VM.
        sent: the change that ran it.
        output: the operation's output (v1).
        failure: why Azure says that the operation failed, or nothing.
    """
    change = sent.change
    if change.operation != CREATE:
        out, err = output_of(output)
        return _judged(change, out, None, failure or err)
    try:
        command = read_run_command(facts.session, change.target)
    except NotFound:
        if not failure and facts.azure_now < (sent.accepted or sent.at) + SHOWS:
            return Heard("", "its run command does not show yet")
        return Heard(UNCLEAR, failure or "its run command is gone, and its answer with it")
    return _of_command(facts, change, sent.at, command, failure)


def _of_command(facts: VmFacts, change: Change, at: datetime, command: RunCommand, failure: str) -> Heard:
    if command.started is not None and command.started < at - SKEW:
        return Heard(UNCLEAR, "Azure shows the answer of an earlier run of the same script")
    late = facts.azure_now > at + timedelta(seconds=int(change.body["seconds"])) + GRACE
    if command.going and not failure and not late:
        return STILL_RUNNING
    if command.going:
        return Heard(UNCLEAR, failure or f"the script has not ended within {change.body['seconds']} s")
    if command.state.lower() not in ("succeeded", "failed"):
        return Heard(UNCLEAR, f"the script was ended: {command.state} {command.error}".strip())
    return _judged(change, command.output, command.exit_code, failure or command.error)


def _judged(change: Change, output: str, exit_code: int | None, words: str) -> Heard:
    verb = str(change.body["verb"])
    answer = parse_answer(output, change.action, verb)
    if isinstance(answer, str):
        return Heard(UNCLEAR, f"{answer} {words[:200]}".strip())
    said = answer.to_json()
    if answer.refused:
        return Heard(FAILED, f"the script refused: {answer.refused}", said)
    if answer.error:
        return Heard(FAILED, f"the script could not: {answer.error}", said)
    if exit_code not in (0, None):
        return Heard(UNCLEAR, f"the script ended with {exit_code}, and says nothing of an error", said)
    if verb != "check" and not answer.applied:
        return Heard(UNCLEAR, "the script has ended, but says that what is wanted is not there", said)
    return Heard(APPLIED, _spoken(answer, verb), said)


def _spoken(answer: Answer, verb: str) -> str:
    if verb == "check":
        return "the script has looked, and changed nothing"
    if not answer.needed:
        return "it was so already; nothing was changed"
    later = f"; effective after: {answer.pending}" if answer.pending else ""
    return f"the script confirmed it by looking again{later}"


def seen(said: Mapping[str, Any]) -> str:
    """Return what a script has said that changed nothing."""
    if said.get("verb") != "check":
        return "the script found everything as it should be"
    if find_script(str(said["action"])).reads_only:
        return "the script has looked, and changed nothing"
    return (
        f"the script has looked: {'it would change something' if said.get('needed') else 'nothing has to be changed'}"
    )
