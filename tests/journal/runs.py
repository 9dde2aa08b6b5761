"""Runs to put into a journal."""

from __future__ import annotations

from datetime import datetime, timezone

from hypothesis import strategies as st

from guards import Consent
from remediate.journal.model import Held, Journal, Run

VM = "/subscriptions/s/resourceGroups/rg-web/providers/Microsoft.Compute/virtualMachines/web-01"
OTHER = VM + "2"
AT = datetime(2026, 3, 2, 3, 0, tzinfo=timezone.utc)


def run(run_id: str = "run-1", **fields) -> Run:
    given = {
        "endpoint": "https://management.azure.com",
        "vm_id": VM,
        "runbook": "Code",
        "arguments": {},
        "steps": ("a",),
        "started_at": AT,
    }
    return Run(id=run_id, **{**given, **fields})


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
moments = st.datetimes(datetime(2002, 1, 2), datetime(9000, 1, 1), timezones=st.just(timezone.utc)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)
runs = st.builds(
    Run,
    id=texts,
    endpoint=texts,
    vm_id=texts,
    runbook=texts,
    arguments=st.dictionaries(texts, texts, max_size=3),
    steps=st.lists(texts, max_size=3).map(tuple),
    started_at=moments,
    position=st.integers(0, 9),
    status=st.sampled_from(["open", "closed"]),
    verdict=texts,
    reason=texts,
    next_check_at=st.none() | moments,
    consent=st.builds(Consent, st.booleans(), st.frozensets(texts, max_size=2)),
)


def never(_owner: str) -> bool:
    return False


def held(journal: Journal, vm_id: str = VM, owner: str = "test") -> Held:
    """Take (or keep) the lease on a VM, as a run does before it writes."""
    lease = journal.acquire(vm_id, owner, AT, 300, never)
    if lease is None:
        raise RuntimeError(f"somebody else holds {vm_id}")
    return lease
