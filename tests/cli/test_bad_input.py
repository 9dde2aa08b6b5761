"""Bad input and a bad Azure: a message a person can act on, the documented exit code, no traceback, nothing lost."""

from __future__ import annotations

import json
import socket

import pytest

from ..drill import CODE

DRY = (CODE, "--vm", "web-01", "--dry-run")


def test_an_unknown_code_names_the_closest_ones_and_sends_nothing(drill, remediate):
    world = drill()
    said = remediate(world, "UserErrorRpColectionLimit", "--vm", "web-01")
    assert said.status == 2
    assert CODE in said.err
    assert world.simulator.requests == []


def test_a_misspelt_command_is_suggested(remediate):
    said = remediate(None, "resme")
    assert said.status == 2
    assert "resume" in said.err


def test_a_vm_that_is_not_there_names_similar_ones(drill, remediate):
    world = drill()
    said = remediate(world, CODE, "--vm", "web-1", "--dry-run")
    assert said.status == 2
    assert "web-01" in said.err
    assert world.writes == []


def test_several_vms_of_one_name_are_listed_and_none_is_taken(drill, remediate):
    world = drill("duplicate-name")
    said = remediate(world, *DRY)
    assert said.status == 2
    assert said.err.count("/virtualMachines/web-01") == 2
    narrowed = remediate(world, *DRY, "--resource-group", "rg-web")
    assert narrowed.status == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((CODE, "--dry-run"), "no virtual machine was named"),
        ((CODE, "--vm", "bad'name", "--dry-run"), "is not a name of a virtual machine"),
        ((CODE, "--vm", "/subscriptions/x/resourceGroups/y", "--dry-run"), "not a full Azure resource id"),
        (
            (CODE, "--vm", "/subscriptions/x/resourceGroups/y/providers/Microsoft.Compute/disks/d", "--dry-run"),
            "not a virtual machine",
        ),
        ((*DRY, "--resource-group", "a' or '1"), "is not a name of a resource group"),
        ((*DRY, "--cloud", "moon"), "unknown cloud"),
        ((*DRY, "--arm-endpoint", "ftp://x"), "is not an http(s) URL"),
        ((*DRY, "--arm-endpoint", "http://example.com"), "plain HTTP to another machine"),
        ((*DRY, "--ca", "/no/such/file"), "no certificate file"),
        ((*DRY, "--wait", "soon"), "is not a duration"),
        ((*DRY, "--simulate", "rp-colection-limit"), "rp-collection-limit"),
        ((*DRY, "--output", "yaml"), "yaml"),
        (("action", "fly", "--vm", "web-01"), "unknown action"),
        (("action", "trigger_on_demand_backup", "--vm", "web-01", "--keep", "3"), "takes no --keep"),
        (("action", "delete_restore_points", "--vm", "web-01", "--keep", "0"), "is not a whole number"),
        (("action", "delete_restore_points", "--vm", "web-01", "--keep", "three"), "is not a whole number"),
        (("action", "restore_lock", "--vm", "web-01", "--lock", "name-only"), "full id of the lock"),
        (("resume", "nosuchrun"), "there is no run"),
        (("undo", "nosuchrun"), "there is no run"),
        (("run", "nosuchrun"), "there is no run"),
        (("resume", "--approve", "abc"), "needs the ID"),
        (("apply", "/no/such/plan.json"), "cannot be read"),
        (("runs", "--state", "https://x.table.core.windows.net/t"), "no name of a table"),
        (("simulate", "serve", "--scenario", "nothing"), "no scenario"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_input_says_what_was_wrong(drill, remediate, arguments, text):
    world = drill()
    said = remediate(world, *arguments)
    assert said.status == 2
    assert text in said.err
    assert "Traceback" not in said.err
    assert world.writes == []


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema": "remediate.plan/9"}', '{"schema": "remediate.plan/1"}']
)
def test_a_plan_file_that_is_none_is_refused(drill, remediate, tmp_path, content):
    plan = tmp_path / "plan.json"
    plan.write_text(content)
    world = drill()
    said = remediate(world, "apply", str(plan))
    assert said.status == 2
    assert str(plan) in said.err
    assert world.writes == []


def test_a_changed_plan_file_is_refused(drill, remediate, tmp_path):
    world, plan = drill(), tmp_path / "plan.json"
    remediate(world, *DRY, "--plan-out", str(plan))
    data = json.loads(plan.read_text())
    data["digest"] = "0" * 16
    plan.write_text(json.dumps(data))
    assert remediate(world, "apply", str(plan)).status == 3
    assert world.writes == []


def test_a_plan_that_cannot_be_written_is_said_before_anything_is_lost(drill, remediate):
    said = remediate(drill(), *DRY, "--plan-out", "/no/such/folder/plan.json")
    assert said.status == 2
    assert "cannot be written" in said.err


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"kind": "status", "status": 429, "retry_after": "999999999", "times": None}, "throttling"),
        ({"kind": "status", "status": 503, "times": None}, "could not answer"),
        ({"kind": "not_json", "times": None}, "no JSON"),
        ({"kind": "truncate", "times": None}, "next:"),
        ({"kind": "reset_before", "times": None}, "could not be reached"),
        ({"kind": "deny", "path": "backupJobs", "times": None}, "Microsoft.RecoveryServices/Vaults/backupJobs/read"),
        ({"kind": "expire_tokens"}, "Sign in again"),
        (
            {
                "kind": "status",
                "status": 401,
                "code": "InvalidAuthenticationTokenTenant",
                "path": "vaults/",
                "times": None,
            },
            "in another tenant",
        ),
        ({"kind": "status", "status": 403, "code": "RequestDisallowedByPolicy"}, "policy"),
        ({"kind": "page_loop", "path": "locks$", "times": None}, "never ends"),
    ],
    ids=lambda value: f"{value['kind']} {value.get('status', '')}" if isinstance(value, dict) else "",
)
def test_a_bad_azure_is_explained_with_exit_code_6(drill, remediate, fault, text):
    world = drill()
    world.fault(**fault)
    said = remediate(world, CODE, "--vm", "web-01", "--yes")
    assert said.status == 6, said
    assert text in said.err
    assert "Traceback" not in said.err
    assert world.writes == []


def test_a_hiccup_is_not_worth_a_word(drill, remediate):
    world = drill()
    world.fault("status", status=503, times=2)
    assert remediate(world, *DRY).status == 0


def test_an_endpoint_where_nobody_listens_is_named(remediate):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = remediate(None, *DRY, "--arm-endpoint", f"http://127.0.0.1:{port}")
    assert said.status == 6
    assert f"127.0.0.1:{port}" in said.err


def test_no_credentials_at_all_says_how_to_sign_in(remediate, monkeypatch):
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "IDENTITY_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    said = remediate(None, *DRY)
    assert said.status == 6
    assert "az login" in said.err


def test_errors_come_as_json_where_json_was_asked_for(drill, remediate):
    said = remediate(drill(), CODE, "--vm", "web-1", "--dry-run", "-o", "json")
    assert said.status == 2
    assert said.json["code"] == "VmNotFound"
    assert said.json["candidates"] == ["web-01"]
    assert said.err == ""


def test_a_journal_that_cannot_be_used_stops_everything_before_it_begins(drill, remediate, tmp_path):
    world = drill()
    (tmp_path / "file").write_text("no folder")
    said = remediate(world, CODE, "--vm", "web-01", "--yes", "--state", str(tmp_path / "file" / "journal.db"))
    assert said.status == 2
    assert "Nothing is changed without a journal" in said.err
    assert world.writes == []


def test_logs_go_to_stderr_as_json_and_results_stay_clean(drill, remediate):
    said = remediate(drill(), *DRY, "-o", "json", "--verbose", "--log-json")
    assert said.json["verdict"] == "Planned"
    assert all(json.loads(line)["level"] == "info" for line in said.err.splitlines())
    assert said.err


@pytest.mark.unjudged("the answer is garbled on purpose")
@pytest.mark.parametrize(
    ("body", "text"), [({"tags": 42}, "not of the documented shape"), ({"id": "/x"}, "the answer is about '/x'")]
)
def test_an_answer_of_a_shape_nobody_expects_is_no_traceback(drill, remediate, body, text):
    world = drill()
    handle = world.simulator.handle

    def garbled(request):
        response = handle(request)
        if request.path.endswith("/virtualMachines/web-01"):
            response.body = {**response.body, **body}
        return response

    world.simulator.handle = garbled
    said = remediate(world, CODE, "--vm", "web-01", "--yes")
    assert said.status == 6
    assert text in said.err
    assert "Traceback" not in said.err
    assert world.writes == []


def test_a_bug_of_ours_is_told_as_one_without_a_traceback(remediate, monkeypatch):
    monkeypatch.setattr("runbooks.catalogue.folders", lambda: ("no_such_folder",))
    said = remediate(None, "list")
    assert said.status == 1
    assert "internal error at" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("arguments", [("resume", "--nosuch"), ("run",), (CODE, "--wait", "soon")])
def test_a_wrong_call_is_told_in_json_where_json_was_asked_for(remediate, arguments):
    said = remediate(None, *arguments, "-o", "json")
    assert said.status == 2
    assert (said.json["schema"], said.json["code"], said.json["exit_code"]) == ("remediate.error/1", "Usage", 2)
    assert said.err == ""


def test_an_extension_of_a_vm_that_is_gone_needs_no_removal(drill, remediate):
    world = drill("vm-deleted")
    said = remediate(world, "action", "uninstall_vmsnapshot_extension", "--vm", world.vm_id, "--yes")
    assert (said.status, "does not exist any more" in said.out) == (0, True)
