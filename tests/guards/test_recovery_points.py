"""The one thing that cannot be made good again: whatever the facts, the only copy of a backup is never deleted."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from arm.facts.times import iso
from guards import Guarded, review
from guards.recovery_points import SAME_BACKUP, vault_copy

from ..actions.given import COLLECTION, GROUP, VM_ID, GivenFacts, change, recovery_point, scope_id

START = datetime(2026, 2, 1, tzinfo=timezone.utc)
COLLECTION_ID = scope_id(f"collection {COLLECTION} in {GROUP}")
minutes = st.integers(0, 60)
times = st.none() | minutes.map(lambda count: iso(START + timedelta(minutes=count)))
tiers = st.dictionaries(
    st.sampled_from(["InstantRP", "HardenedRP", "ArchivedRP", "hardenedrp"]),
    st.sampled_from(["Valid", "Disabled", "Deleted", "valid"]),
    max_size=3,
)
points = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abcdef"), "created": times}),
    max_size=5,
    unique_by=lambda p: p["name"],
)
vault = st.lists(st.fixed_dictionaries({"name": st.sampled_from("123456"), "time": times, "tiers": tiers}), max_size=5)
ONES = [f"{COLLECTION_ID}/restorePoints/{name}" for name in "abcdeF"]
targets = st.sampled_from([COLLECTION_ID, COLLECTION_ID.upper(), *ONES, COLLECTION_ID + "x", VM_ID])


def kept(point: dict, copies: list[dict]) -> bool:
    """Whether some valid copy in a vault or archive tier is of the time of this point."""
    found = [recovery_point(copy) for copy in copies]
    created = recovery_point({"name": "", "time": point["created"]}).time
    return created is not None and any(
        copy.in_vault and copy.time is not None and abs(copy.time - created) <= SAME_BACKUP for copy in found
    )


@given(points, vault, targets, st.sampled_from(["restore_points.delete", "restore_point_collections.delete"]))
def test_no_restore_point_is_ever_deleted_without_a_valid_copy_of_its_backup_in_the_vault(
    have, copies, target, operation
):
    facts = GivenFacts({
        "collections": [{"points": have}], "recovery_points": copies, "locks": [], "running_jobs": [],
        "recent_jobs": [], "resource_guards": [],
    })  # fmt: skip
    if review(change({"operation": operation, "target": target}), Guarded(facts)) is not None:
        return
    whole = target.lower() == COLLECTION_ID.lower()
    going = [point for point in have if whole or target.lower().endswith(f"/restorepoints/{point['name']}")]
    assert all(kept(point, copies) for point in going)
    assert going or whole, "a restore point that nobody knows is not deleted"


@given(points, vault)
def test_a_copy_in_the_vault_is_one_of_the_same_backup_that_is_valid(have, copies):
    facts = GivenFacts({"collections": [{"points": have}], "recovery_points": copies})
    for point in facts.collections()[0].points:
        found = vault_copy(point, facts.recovery_points())
        if found is not None:
            assert found.in_vault
            assert abs(found.time - point.created) <= SAME_BACKUP
