"""What is remembered of earlier runs, and of other VMs, for those that begin now."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from arm.errors import RemediationError
from arm.facts.collect import VmFacts
from guards import Limits, Memory

from .engine.memory import Recall, asked_for, standing
from .journal.model import Journal


class Remembered:
    """The memory of one journal.

    Args:
        journal: opens it.
        known: says whether there is one already; what only shows does not make one.
        limits: what is configured for the guards.
    """

    def __init__(self, journal: Callable[[], Journal], known: Callable[[], bool], limits: Limits) -> None:
        self._journal = journal
        self._known = known
        self._limits = limits

    def recall(self, runbook: str, facts: VmFacts, run: str = "") -> Recall:
        """Return what is remembered for a runbook on a VM.

        Args:
            runbook: error code, ``action:NAME`` or ``undo:RUN``.
            facts: facts of the VM.
            run: id of the run itself, once it has begun.
        """
        return Recall(
            self._journal(),
            endpoint=facts.session.endpoint,
            runbook=runbook,
            vm_id=facts.vm_id,
            limits=self._limits,
            now=lambda: facts.azure_now,
            run=run,
        )

    def shown(self, runbook: str, facts: VmFacts) -> Memory:
        """Return what is remembered for what is only shown: nothing, where there is no journal."""
        return self.recall(runbook, facts).memory() if self._known() else Memory(self._limits, asked_for(runbook))

    def standing(self, runbook: str, facts: VmFacts) -> Iterator[tuple[str, str]]:
        """Yield what keeps a repair from being made now, for a diagnosis, which needs no journal and fails by none."""
        try:
            memory = self.shown(runbook, facts)
        except RemediationError as error:
            yield "kill switch", f"not known: {error.message}"
            return
        yield from standing(memory)
