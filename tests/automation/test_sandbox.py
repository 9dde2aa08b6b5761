"""The bundle in a sandbox like Azure Automation's: no network but Azure, 400 MB, no stderr, no programs."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from remediate.deploy.template import permissions_of
from tests.alerts.samples import SHAPES, Failure

from .sandbox import Sandbox


def failure_of(account: Any) -> Failure:
    """The failed backup of a scenario, as alerts tell of it."""
    vault = next(iter(account.simulator.world.recoveryservices.vaults.values()))
    job = max((one for one in vault.jobs.values() if one.status == "Failed"), key=lambda one: one.started)
    return Failure(vm=account.vm_id, vault=vault.id, job=job.name, code=str(account.server.ready["code"]))


def split(payload: Any) -> list[str]:
    """The arguments that a webhook's delivery becomes: unquoted keys, split on blanks."""
    body = json.dumps(payload, separators=(",", ":"))
    return f"{{WebhookName:backup,RequestBody:{body},RequestHeader:{{Host:example}}}}".split(" ")


def encoded(value: Any) -> list[str]:
    return [base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")]


def script(sandbox: Sandbox, text: str) -> Any:
    return sandbox.start_script(text, "probe").end()


def test_nothing_is_repaired_until_the_account_has_been_told_to(account):
    azure = account()
    done = azure.sandbox.run("remediate_backup_alert", split(SHAPES["built-in"](failure_of(azure))))
    assert done.shown_as == "Completed", done.out
    assert "REMEDIATE_MODE is plan" in done.out
    assert "Planned" in done.out
    assert azure.writes == []
    assert done.stderr == ""


@pytest.mark.parametrize("shape", SHAPES)
def test_an_alert_of_every_shape_is_repaired_parked_resumed_and_fixed(account, shape):
    azure = account()
    azure.let_it_repair()
    done = azure.sandbox.run("remediate_backup_alert", split(SHAPES[shape](failure_of(azure))))
    assert done.shown_as == "Completed", done.out
    assert "Pending" in done.out
    assert done.stderr == ""
    assert "Fixed" in azure.resumed()
    assert len(azure.backups) == 2  # one that is expected to fail and makes Azure clean up, and one that proves it


def test_with_the_role_of_the_template_alone_a_machine_is_planned_for_and_then_repaired_until_it_is_fixed(
    account, bundle
):
    azure = account()
    template = json.loads((bundle / "template.json").read_text(encoding="utf-8"))
    azure.simulator.world.authorization.granted = set(permissions_of(template))
    words = split(SHAPES["built-in"](failure_of(azure)))
    assert "Planned" in azure.sandbox.run("remediate_backup_alert", words).out
    azure.let_it_repair()
    done = azure.sandbox.run("remediate_backup_alert", words)
    assert done.shown_as == "Completed", done.out
    assert "Fixed" in azure.resumed()
    assert [one for one in azure.simulator.requests if one["status"] == 403] == []


def test_jobs_share_a_journal_in_a_table(account):
    azure = account()
    azure.let_it_repair()
    azure.keep_in_a_table()
    words = split(SHAPES["built-in"](failure_of(azure)))
    first, second = (azure.sandbox.run("remediate_backup_alert", words) for _ in range(2))
    assert first.shown_as == "Completed", first.out
    assert "Pending" in first.out
    assert "alert duplicate" in second.out
    assert "Fixed" in azure.resumed()
    assert len(azure.backups) == 2
    assert first.stderr == second.stderr == ""
    assert not list(azure.sandbox.folder.rglob("*.db"))


def test_a_job_that_is_stopped_parks_its_run_and_the_next_one_ends_it(account):
    azure = account()
    azure.let_it_repair()
    del azure.sandbox.environment["SANDBOX_HURRY"]
    running = azure.sandbox.start("remediate_backup_alert", split(SHAPES["built-in"](failure_of(azure))))
    running.until("start an on-demand backup")
    running.stop()
    stopped = running.end()
    assert stopped.shown_as == "Completed", stopped.out
    assert "Pending  the job was told to stop" in stopped.out
    assert "Fixed" in azure.resumed()
    assert len(azure.backups) == 2
    assert stopped.stderr == ""


def test_the_schedule_finds_a_failed_backup_whose_alert_was_lost_and_takes_it_once(account):
    azure = account()
    azure.let_it_repair()
    done = azure.sandbox.run("remediate_resume")
    assert done.shown_as == "Completed", done.out
    assert "the sweep has found 1 failed backup to see to" in done.out
    again = azure.sandbox.run("remediate_resume")
    assert "the sweep has found 0 failed backups to see to" in again.out, again.out
    assert "Fixed" in azure.resumed()
    assert len(azure.backups) == 2
    assert done.stderr == ""


def test_the_same_alert_twice_is_one_repair(account):
    azure = account()
    azure.let_it_repair()
    words = split(SHAPES["built-in"](failure_of(azure)))
    first, second = (azure.sandbox.run("remediate_backup_alert", words) for _ in range(2))
    assert (first.shown_as, second.shown_as) == ("Completed", "Completed")
    assert "alert duplicate" in second.out
    assert len(azure.backups) == 1


def test_a_machine_named_by_one_encoded_parameter_is_repaired(account):
    azure = account()
    azure.let_it_repair()
    order = {"code": azure.server.ready["code"], "vm": azure.vm_id, "dry_run": False}
    done = azure.sandbox.run("remediate_backup", encoded(order))
    assert done.shown_as == "Completed", done.out
    assert "Fixed" in azure.resumed()


def test_a_machine_named_by_plain_parameters_is_only_planned_for_as_a_dry_run(account):
    azure = account()
    azure.let_it_repair()
    done = azure.sandbox.run("remediate_backup", [str(azure.server.ready["code"]), "web-01", "dry-run"])
    assert done.shown_as == "Completed", done.out
    assert "Planned" in done.out
    assert azure.writes == []


def test_a_job_works_with_stderr_closed(account):
    azure = account()
    done = azure.sandbox.run("remediate_backup", ["web-01", "dry-run"], stderr=False)
    assert done.shown_as == "Completed", done.out
    assert "Planned" in done.out


def test_a_repair_without_a_place_for_the_journal_is_refused_before_anything_is_read(account):
    azure = account()
    azure.sandbox.set("REMEDIATE_MODE", "repair")
    done = azure.sandbox.run("remediate_resume")
    assert done.shown_as == "Failed"
    assert "ERROR: Usage: REMEDIATE_MODE is repair, but REMEDIATE_STATE is not set" in done.out
    assert azure.simulator.requests == []
    assert done.stderr == ""


@pytest.mark.parametrize(
    "words", [['{WebhookName:x,RequestBody:{"schemaId":"azureMonitor'], ["not", "an", "alert"], []]
)
def test_what_is_no_alert_is_refused_and_shown_as_failed(account, words):
    azure = account()
    azure.let_it_repair()
    done = azure.sandbox.run("remediate_backup_alert", words)
    assert done.shown_as == "Failed"
    assert "ERROR: " in done.out
    assert azure.writes == []
    assert done.stderr == ""


def test_an_alert_that_is_over_is_ignored_and_shown_as_completed(account):
    azure = account()
    azure.let_it_repair()
    payload = SHAPES["built-in"](failure_of(azure))
    payload["data"]["essentials"]["monitorCondition"] = "Resolved"
    done = azure.sandbox.run("remediate_backup_alert", split(payload))
    assert done.shown_as == "Completed", done.out
    assert "alert ignored" in done.out
    assert azure.simulator.requests == []


def test_the_single_file_form_needs_only_the_packages_of_others(account, bundle):
    azure = account()
    text = (bundle / "single" / "remediate_backup.py").read_text(encoding="utf-8")
    hide = "import sys\nsys.modules['remediate'] = None\n"
    proof = "\nimport remediate\nprint('from', remediate.__file__)\n"
    sources = text.replace("unpack()\n\ntry", "sys.modules.pop('remediate', None)\nunpack()\n\ntry")
    assert sources != text
    done = azure.sandbox.start_script(hide + sources + proof, "single", ["web-01", "dry-run"]).end()
    assert done.shown_as == "Completed", done.out
    assert "Planned" in done.out
    assert "/remediate-" in done.out.splitlines()[-1]


def test_a_runbook_names_the_package_that_is_missing(account):
    azure = account()
    text = (azure.sandbox.runbooks / "remediate_resume.py").read_text(encoding="utf-8")
    done = azure.sandbox.start_script("import sys\nsys.modules['click'] = None\n" + text, "remediate_resume").end()
    assert done.shown_as == "Failed"
    assert done.out.startswith("ERROR: the package click is missing or does not fit: import every wheel of the bundle.")


def test_the_sandbox_reaches_no_other_host(sandbox):
    done = script(sandbox, "import socket\nsocket.create_connection(('192.0.2.1', 443), 5)\n")
    assert done.status == 1
    assert "a connection would be made to ('192.0.2.1', 443)" in done.stderr


def test_the_sandbox_has_a_network_of_its_own_where_that_is_allowed(sandbox):
    if not sandbox.network.separate:
        pytest.skip("making a network namespace is not allowed here")
    done = script(sandbox, "import socket\nprint([name for _, name in socket.if_nameindex()])\n")
    assert done.out.strip() == "['lo']"


def test_the_sandbox_starts_no_programs(sandbox):
    done = script(sandbox, "import subprocess\nsubprocess.run(['true'])\n")
    assert done.status == 1
    assert done.programs == ("subprocess.Popen ['true']",)


def test_a_repair_starts_no_program_but_the_one_that_azure_identity_does_without(account):
    azure = account()
    azure.let_it_repair()
    done = azure.sandbox.run("remediate_resume")
    assert "Pending" in done.out
    assert {*done.programs} <= {"subprocess.Popen ['uname', '-p']"}  # for its user agent


def test_the_sandbox_has_400_mb(sandbox):
    done = script(sandbox, "x = b'x' * (380 << 20)\nprint('fits')\n")
    assert done.out == "fits\n"
    done = script(sandbox, "x = bytearray(450 << 20)\nx[::4096] = b'x' * len(x[::4096])\nprint('fits')\n")
    assert done.status != 0
    assert done.out == ""


def test_the_sandbox_has_nothing_but_the_bundle(sandbox, bundle):
    text = "from importlib.metadata import distributions\nprint(sorted(one.name.lower() for one in distributions()))\n"
    names = json.loads(script(sandbox, text).out.replace("'", '"'))
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    assert sorted(name.replace("_", "-") for name in names) == sorted(one["name"] for one in manifest["packages"])


def test_a_repair_stays_far_below_the_memory_of_a_sandbox(account):
    azure = account()
    azure.let_it_repair()
    if azure.sandbox.memory.kind == "RLIMIT_DATA":
        pytest.skip("memory is limited here, but nobody counts it")
    assert "Pending" in azure.sandbox.run("remediate_resume").out
    assert "Fixed" in azure.resumed()
    assert azure.sandbox.memory.peak < 200 * 1024 * 1024
