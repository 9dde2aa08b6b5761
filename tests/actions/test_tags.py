"""The copy of a lock in a VM's tags: exact, recognised when half of it is missing, within Azure's limits."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.change import Change, NoChange, Undo
from actions.tags import (
    LONGEST_VALUE,
    MOST_TAGS,
    Loan,
    decode,
    encode,
    in_subscription,
    note_loan,
    remove_note,
    stamped,
    tag_of,
    why_no_copy,
)

GROUP = "/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/rg-web"
LOCK = f"{GROUP}/providers/Microsoft.Authorization/locks/keep"
RUN = "0123456789abcdef0123456789abcdef"
AT = datetime(2026, 3, 2, 3, 0, tzinfo=timezone.utc)
NOON = "2026-03-02T03:00:00Z"
LONG = "".join(chr(0x4E00 + 97 * number % 20000) for number in range(512))


def body(level="CanNotDelete", notes=None, owners=()):
    properties = {"level": level}
    if notes is not None:
        properties["notes"] = notes
    if owners:
        properties["owners"] = list(owners)
    return {"properties": properties}


odd = st.text(st.characters(), max_size=512)
bodies = st.builds(
    body,
    level=st.sampled_from(["CanNotDelete", "ReadOnly", "NotSpecified"]),
    notes=st.none() | odd,
    owners=st.lists(st.fixed_dictionaries({"applicationId": odd}), max_size=3),
)


@given(bodies, st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.() äß", min_size=1, max_size=90), odd)
def test_a_lock_is_read_from_its_tags_exactly_as_it_was(lock, name, run):
    lock_id = f"{GROUP}/providers/Microsoft.Authorization/locks/{name}"
    tags = encode(lock_id, lock, run, NOON)
    assert all(len(value) <= LONGEST_VALUE and value.isascii() for value in tags.values())
    assert not any(sign in name for name in tags for sign in "<>%&\\?/")
    mixed = {name.upper() if number % 2 else name: value for number, (name, value) in enumerate(tags.items())}
    assert decode({"other": "1", **mixed}) == ([Loan(tag_of(lock_id), lock_id, lock, run, AT)], [])


@pytest.mark.parametrize("spoil", ["missing", "cut", "swapped", "other version", "garbage", "emptied"])
def test_a_copy_that_is_not_whole_is_recognised(spoil):
    tags = encode(LOCK, body(notes=LONG), RUN, NOON)
    assert len(tags) > 2
    first, second, *_ = tags
    if spoil == "missing":
        del tags[second]
    elif spoil == "cut":
        tags[second] = tags[second][:-1]
    elif spoil == "swapped":
        tags[first], tags[second] = (
            tags[first][:-3] + tags[second][-3:],
            tags[second][:-3] + tags[first][-3:],
        )
    elif spoil == "other version":
        tags[first] = "2" + tags[first][1:]
    else:
        tags[first] = "hello" if spoil == "garbage" else ""
    assert decode(tags) == ([], [tag_of(LOCK)])


@pytest.mark.parametrize(
    "copy",
    [
        ("no lock id", body(), RUN, NOON),
        (f"{GROUP}/providers/Microsoft.Authorization/locks/another", body(), RUN, NOON),
        (LOCK, {"properties": {}}, RUN, NOON),
        (LOCK, {"properties": {"level": 7}}, RUN, NOON),
        (LOCK, [], RUN, NOON),
        (LOCK, body(), RUN, "yesterday"),
    ],
)
def test_a_copy_that_says_nothing_sensible_is_no_loan(copy):
    told = encode(*copy)
    tags = {name.replace(tag_of(copy[0]), tag_of(LOCK)): value for name, value in told.items()}
    assert decode(tags) == ([], [tag_of(LOCK)])


def test_a_checksum_over_something_that_is_no_copy_does_not_make_it_one():
    import hashlib

    data = "AAAA"
    value = f"1.1of1.{hashlib.sha256(data.encode()).hexdigest()[:8]}.{data}"
    assert decode({tag_of(LOCK): value}) == ([], [tag_of(LOCK)])


def test_what_an_earlier_longer_copy_has_left_behind_does_not_matter():
    old = encode(LOCK, body(notes=LONG), RUN, NOON)
    new = encode(LOCK, body(), RUN, NOON)
    loans, broken = decode({**old, **new})
    assert [one.body for one in loans] == [body()]
    assert broken == []


def test_nothing_is_put_back_in_another_subscription():
    (loan,), _ = decode(encode(LOCK, body(), RUN, NOON))
    vm = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web-01"
    assert in_subscription(loan, vm)
    assert not in_subscription(loan, vm.replace("2222-2222", "3333-3333"))


UNDO = Undo("restore_lock", "locks.create_or_update", LOCK, body(notes="n"))


@pytest.fixture
def world(drill):
    found = drill("healthy")
    found.machine = found.simulator.world.compute.vms[found.vm_id.lower()]
    return found


def test_nothing_speaks_against_a_copy_on_an_ordinary_vm(world):
    world.machine.tags = {f"t{number}": "x" for number in range(MOST_TAGS - 2)}
    assert why_no_copy(world.facts(), UNDO) == ""


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (lambda world: world.simulator.world.compute.vms.clear(), "does not exist"),
        (
            lambda world: world.simulator.world.authorization.add_lock(world.vm_id, "ro", "ReadOnly"),
            "the ReadOnly lock 'ro' keeps its tags",
        ),
        (lambda world: world.machine.tags.update({f"t{n}": "" for n in range(MOST_TAGS - 1)}), "50 tags of its own"),
        (lambda world: world.machine.tags.update({f"t{n}": "x" * 256 for n in range(7)}), "room for"),
    ],
)
def test_where_no_copy_can_be_written_the_reason_is_told(world, prepare, why):
    prepare(world)
    assert why in why_no_copy(world.facts(), UNDO)


def test_a_copy_is_approved_before_it_is_known_which_run_will_write_it(world):
    change = note_loan(world.facts(), UNDO).in_step("s")
    sent = stamped(change, RUN, AT)
    assert sent.fingerprint == change.fingerprint
    assert Change.from_json(sent.to_json()).fingerprint == change.fingerprint
    assert decode(sent.body["tags"])[0] == [Loan(tag_of(LOCK), LOCK, UNDO.body, RUN, AT)]
    assert stamped(sent.in_step("s"), RUN, AT).fingerprint == change.fingerprint


def test_only_the_tags_of_that_copy_are_removed_whatever_its_parts(world):
    mine = encode(LOCK, body(notes=LONG), RUN, NOON)
    other = encode(f"{LOCK}-2", body(), RUN, NOON)
    world.machine.tags = {"backup-remediation": "on", **other, **{name.upper(): value for name, value in mine.items()}}
    (change,) = remove_note(world.facts(), tag_of(LOCK))
    assert isinstance(change, Change)
    assert change.body == {"operation": "Delete", "tags": {name.upper(): value for name, value in mine.items()}}


def test_there_is_nothing_to_remove_where_the_tag_or_the_vm_is_gone(world):
    assert [type(one) for one in remove_note(world.facts(), tag_of(LOCK))] == [NoChange]
    world.simulator.world.compute.vms.clear()
    assert [type(one) for one in remove_note(world.facts(), tag_of(LOCK))] == [NoChange]
