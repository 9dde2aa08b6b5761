"""The lease of a process that was killed is free at once; that of one that lives is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from remediate.engine import lease
from remediate.engine.lease import abandoned, machine, owner_name

from .runs import AT, VM

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from datetime import datetime, timezone
from remediate.engine.lease import owner_name, abandoned
from remediate.journal.stores import open_journal
journal = open_journal(sys.argv[1])
owner = owner_name("child")
now = datetime(2026, 3, 2, 3, tzinfo=timezone.utc)
print(journal.acquire(sys.argv[2], owner, now, 300, abandoned) is not None, owner, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def holder(state):
    """Another process that holds the lease on the VM and then waits."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOLD, state, VM]
    process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
    try:
        taken, process.owner = process.stdout.readline().split()
        assert taken == "True"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_lease_of_a_living_process_is_not_taken(holder, journal):
    assert not abandoned(holder.owner)
    assert not journal.acquire(VM, owner_name("me"), AT, 300, abandoned)


def test_the_lease_of_a_killed_process_is_taken_at_once(holder, journal):
    holder.send_signal(signal.SIGKILL)
    holder.wait(timeout=30)
    assert abandoned(holder.owner)
    assert journal.acquire(VM, owner_name("me"), AT, 300, abandoned)


def test_a_killed_process_that_its_parent_has_not_noticed_yet_is_dead_all_the_same(holder, journal):
    holder.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    assert journal.acquire(VM, owner_name("me"), AT, 300, abandoned)


def test_another_process_with_the_number_of_a_dead_one_is_not_it():
    host, pid, started, nonce = owner_name("me").split("/")
    assert abandoned(f"{host}/{pid}/{int(started) - 1}/{nonce}")


def test_a_process_knows_its_own_leases_apart_and_none_of_them_is_abandoned():
    one, two = owner_name("one"), owner_name("two")
    assert one != two
    assert not abandoned(one)
    assert one.startswith(f"{machine()}/{os.getpid()}/")


@pytest.mark.parametrize("owner", ["another-host/1/2/n", "of another kind", "", "a/b/c/d/e"])
def test_nobody_can_say_whether_a_process_elsewhere_still_lives(owner):
    assert not abandoned(owner)


def test_an_owner_on_this_host_without_a_process_number_is_left_alone():
    assert not abandoned(f"{machine()}/worker/2/n")


def test_where_the_kernel_does_not_tell_only_time_frees_a_lease(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "PROC", tmp_path)
    owner = owner_name("me")
    assert "/unknown/" in owner
    assert not abandoned(owner)
    assert not abandoned(f"{machine()}/1/unknown/n")


@pytest.mark.parametrize(("pid", "gone"), [("me", False), (1, False), (10**30, False), (2**22 + 1, True)])
def test_a_process_that_the_kernel_hides_is_not_taken_for_dead(tmp_path, monkeypatch, pid, gone):
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "stat").write_text("1 (me) S")
    monkeypatch.setattr(lease, "PROC", tmp_path)
    pid = os.getpid() if pid == "me" else pid
    assert abandoned(f"{machine()}/{pid}/77/n") is gone
