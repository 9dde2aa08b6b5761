"""A deployment into a simulated Azure: what it makes, what it leaves alone, and how it is taken back."""

from __future__ import annotations

import json
import re

import pytest

from arm.errors import Forbidden, Rejected, UsageError, WriteBlocked
from arm.writes import OPERATIONS
from remediate.deploy import writes
from remediate.deploy.deployment import Taken
from remediate.deploy.material import read_material
from remediate.deploy.preflight import check_permissions
from remediate.deploy.report import as_json, as_text
from remediate.deploy.steps import Carrier, DeployFailed
from remediate.deploy.target import find_place

from .conftest import GROUP, carried_out, write_bundle


def webhook_address(site):
    group = site.world.monitor.find(f"{site.group_id}/providers/Microsoft.Insights/actionGroups/remediate")
    return group.properties["webhookReceivers"][0]["serviceUri"]


def test_an_empty_resource_group_gets_everything(site):
    site.deploy()
    assert site.item("runbooks/remediate_backup_alert").properties["state"] == "Published"
    text = (site.folder / "runbooks" / "remediate_resume.py").read_text(encoding="utf-8")
    assert site.item("runbooks/remediate_resume").extra["text"] == text
    packages = site.world.automation.within(f"{site.account_id}/", writes.PACKAGE)
    assert {one.name: one.properties["provisioningState"] for one in packages} == {
        "azure-core": "Succeeded",
        "click": "Succeeded",
        "azure-backup-remediation": "Succeeded",
    }
    assert site.item("variables/REMEDIATE_MODE").properties["value"] == '"plan"'
    assert site.item("webhooks/remediate-backup-alert").properties["uri"] == webhook_address(site)
    assert len(site.world.automation.within(f"{site.account_id}/", writes.LINK)) == 1


def test_the_identity_of_the_account_has_the_role_that_remediate_prints(site):
    site.deploy()
    principal = site.item("").body["identity"]["principalId"]
    roles = site.world.authorization.roles
    held = {
        roles.definitions[one.role].name: one.scope for one in roles.assignments.values() if one.principal == principal
    }
    assert held == {
        "Azure VM Backup Remediation (remediate)": f"/subscriptions/{site.world.subscription}",
        "Storage Table Data Contributor": site.storage_id,
    }


def test_a_second_deployment_changes_nothing(site):
    site.deploy()
    before = len(site.writes)
    assert site.deploy() == []
    assert len(site.writes) == before


def test_a_look_beforehand_names_what_a_deployment_then_does_and_sends_nothing(site):
    planned = [(step.verb, step.kind) for step in site.plan()]
    assert site.writes == []
    assert planned == [(step.verb, step.kind) for step in site.deploy()]


def test_a_look_beforehand_cannot_write(site):
    deployment = site.deployment(read_only=True)
    with pytest.raises(WriteBlocked):
        list(carried_out(deployment.session, deployment.steps()))
    assert site.writes == []


def test_every_write_has_the_permission_that_azure_asks_for(site):
    steps = site.deploy()
    removed, _ = site.undo(with_journal=True)
    declared = {one.lower() for step in (*steps, *removed) for one in step.permissions}
    asked = {one["action"].lower() for one in site.writes}
    assert asked == declared


def test_no_password_is_shown(site):
    secret = "sig=secret"
    planned = site.plan()
    done = site.deploy()
    address = webhook_address(site)
    site.item("webhooks/remediate-backup-alert").properties["isEnabled"] = False
    again = site.plan()
    for steps in (planned, done, again):
        shown = as_text(steps, [], done=False) + json.dumps(as_json(steps, [], done=True)) + repr(steps)
        assert secret not in shown
        assert address not in shown
        assert "token=" not in shown


def test_what_was_changed_by_hand_is_put_right_and_shown_before_and_after(site):
    site.deploy()
    site.item("variables/REMEDIATE_STATE").properties["value"] = '"elsewhere"'
    (step,) = site.plan()
    assert step.verb == "change"
    assert step.before == {"properties": {"value": '"elsewhere"'}}
    assert step.after["properties"]["value"].startswith('"https://remediatejournal')
    site.deploy()
    assert site.plan() == []


def test_repairs_that_were_turned_on_stay_on(site):
    site.deploy()
    site.item("variables/REMEDIATE_MODE").properties["value"] = '"repair"'
    assert site.deploy() == []
    assert [step.target.rpartition("/")[2] for step in site.deploy(mode="plan")] == ["REMEDIATE_MODE"]
    assert site.item("variables/REMEDIATE_MODE").properties["value"] == '"plan"'


def test_tags_of_others_stay(site):
    site.deploy()
    site.item("").tags["cost-center"] = "7"
    site.item("").properties["publicNetworkAccess"] = False
    site.deploy()
    assert site.item("").tags == {"backup-remediation-deployment": "remediate", "cost-center": "7"}


def test_a_new_bundle_replaces_packages_and_texts_and_leaves_the_rest(site):
    site.deploy()
    write_bundle(site.folder, version="1.1", word="two")
    kinds = {step.kind for step in site.deploy()}
    assert kinds == {writes.PACKAGE, writes.RUNBOOK}
    assert (
        site.item("runtimeEnvironments/remediate-python310/packages/azure-backup-remediation").properties["version"]
        == "1.1"
    )
    assert site.plan() == []


def test_a_new_build_of_the_same_version_is_taken_for_a_new_bundle(site):
    site.deploy()
    write_bundle(site.folder, word="rebuilt")
    assert writes.PACKAGE in {step.kind for step in site.deploy()}
    assert site.plan() == []


def test_packages_are_imported_side_by_side(site):
    site.deploy()
    seen = [one["method"] for one in site.drill.simulator.requests if "/packages/" in one["path"]]
    first, last = seen.index("PUT"), len(seen) - 1 - seen[::-1].index("PUT")
    assert seen[first : last + 1].count("GET") < seen.count("PUT")  # each is looked at once, before it is sent


def test_a_package_that_is_not_taken_stops_the_deployment_and_the_next_one_goes_on(site):
    site.world.automation.refused.add("click")
    with pytest.raises(DeployFailed, match="click was not taken"):
        site.deploy()
    assert site.item("runbooks/remediate_backup_alert") is None
    site.world.automation.refused.clear()
    site.deploy()
    assert site.plan() == []


def test_a_webhook_that_ends_soon_is_made_again_and_the_action_group_gets_its_address(site):
    site.deploy()
    old = webhook_address(site)
    site.item("webhooks/remediate-backup-alert").properties["expiryTime"] = "2026-03-20T00:00:00Z"
    steps = site.deploy()
    assert [(step.verb, step.kind) for step in steps] == [
        ("delete", writes.WEBHOOK),
        ("generate", writes.WEBHOOK),
        ("create", writes.WEBHOOK),
        ("change", writes.GROUP),
    ]
    assert steps[0].note == "it ends 2026-03-20"
    assert webhook_address(site) == site.item("webhooks/remediate-backup-alert").properties["uri"] != old
    assert site.plan() == []


def test_a_webhook_whose_address_nobody_has_is_made_again(site):
    site.deploy()
    site.world.monitor.items.clear()
    site.deploy()
    assert webhook_address(site) == site.item("webhooks/remediate-backup-alert").properties["uri"]
    assert site.plan() == []


def test_the_powershell_door_starts_the_python_runbook_with_a_role_of_its_own(site):
    site.deploy()
    site.deploy(door="powershell")
    assert site.item("webhooks/remediate-backup-alert").properties["runbook"] == {"name": "webhook_to_python"}
    assert site.item("variables/REMEDIATE_ACCOUNT").properties["value"] == json.dumps(site.account_id)
    principal = site.item("").body["identity"]["principalId"]
    held = [one.scope for one in site.world.authorization.roles.assignments.values() if one.principal == principal]
    assert site.account_id in held
    assert site.plan(door="powershell") == []


def test_the_schedules_start_is_counted_from_when_it_is_made(site):
    site.drill.fault("status", method="PUT", path="/schedules/", status=429, retry_after="1200")
    site.deploy()
    assert site.item("schedules/remediate-hourly") is not None


@pytest.mark.parametrize("kind", ["reset_after", "reset_before", "timeout_after"])
def test_a_write_whose_answer_is_lost_is_looked_up_and_the_deployment_ends_the_same(site, kind):
    site.drill.fault(kind, method="PUT", path=r"/automationAccounts/remediate$", seconds=0)
    site.drill.fault(kind, method="PUT", path=r"/actionGroups/", seconds=0)
    site.drill.fault(kind, method="POST", path=r"/generateUri$", seconds=0)
    site.deploy()
    assert site.plan() == []
    assert site.item("webhooks/remediate-backup-alert").properties["uri"] == webhook_address(site)


@pytest.mark.parametrize("path", [r"/draft/content$", "/publish$"])
def test_an_answer_that_microsofts_sdk_does_not_expect_is_looked_up(site, path):
    site.drill.fault("status_after", path=path, status=200)  # the SDK takes 202 and nothing else
    site.deploy()
    assert site.plan() == []


def test_a_deployment_that_is_cut_off_anywhere_goes_on_where_it_stopped(site):
    for most in range(1, 100):
        deployment = site.deployment()
        carrier, left = Carrier(deployment.session), most
        for step in deployment.steps():
            carrier.carry_out(step)
            left -= 1
            if not left:
                break  # the process dies before it waits for packages, or begins the next step
        if left:
            break
        site.drill.runtime.sleep(120)
    assert site.plan() == []
    assert site.item("webhooks/remediate-backup-alert").properties["uri"] == webhook_address(site)


@pytest.mark.parametrize("kind", ["account", "storage", "group"])
def test_what_something_else_has_made_is_not_taken_over(site, kind):
    world, location = site.world, "westeurope"
    if kind == "account":
        world.automation.write(site.account_id, writes.ACCOUNT, {"location": location, "properties": {}})
    elif kind == "storage":
        world.inventory.add("Microsoft.Storage/storageAccounts", GROUP, "remediatejournal", {}, location=location)
    else:
        site.deploy()
        target = f"{site.group_id}/providers/{writes.GROUP}/remediate"
        world.monitor.find(target).tags = {}
    before = len(site.writes)
    with pytest.raises(Taken):
        site.plan()
    with pytest.raises(Taken):
        site.deploy()
    made = [one for one in site.writes[before:] if kind != "storage"]
    assert made == []


def test_a_refusal_of_azure_is_told_and_not_repeated(site):
    site.drill.fault("status", method="PUT", path="/storageAccounts/", status=400, code="BadThing")
    with pytest.raises(Rejected, match="BadThing"):
        site.deploy()
    assert len([one for one in site.writes if "/storageAccounts/" in one["path"]]) == 1


@pytest.mark.parametrize(
    ("kind", "said"), [("operation_fails", "BadThing"), ("operation_never_ends", "has not finished after 15 minutes")]
)
def test_an_operation_that_does_not_end_well_stops_the_deployment(site, kind, said):
    told = {"code": "BadThing"} if kind == "operation_fails" else {}
    site.drill.fault(kind, method="POST", path="/publish$", **told)
    with pytest.raises(DeployFailed, match=said):
        site.deploy()
    assert site.item("webhooks/remediate-backup-alert") is None
    site.deploy()
    assert site.plan() == []


def test_no_runbook_can_plan_a_write_of_a_deployment():
    ours = {operation.name for kind in writes.VERSIONS for operation in (writes.put(kind), writes.delete(kind))}
    ours |= {writes.UPLOAD.name, writes.PUBLISH.name, writes.generate_uri([]).name}
    assert ours.isdisjoint(OPERATIONS)


def test_what_azure_does_not_know_yet_is_sent_again(site):
    site.drill.fault("status", method="PUT", path="/roleAssignments/", status=400, code="PrincipalNotFound")
    site.deploy()
    assert site.plan() == []


def test_missing_permissions_are_told_before_the_first_write(site):
    session = site.drill.session()
    steps = site.plan()
    site.world.authorization.denied.add("Microsoft.Automation/automationAccounts/webhooks/write")
    site.world.authorization.denied.add("Microsoft.Authorization/roleDefinitions/write")
    with pytest.raises(Forbidden) as raised:
        check_permissions(session, find_place(session, "", GROUP), steps)
    assert "webhooks/write at " + site.group_id in raised.value.message
    assert "roleDefinitions/write at /subscriptions/" in raised.value.message
    assert site.writes == []


# Undo


def test_an_undo_removes_exactly_what_was_made(site):
    before = site.everything()
    site.deploy(door="powershell")
    _, kept = site.undo(with_journal=True)
    assert kept == []
    assert site.everything() == before


def test_an_undo_leaves_the_journal_unless_it_is_asked_for(site):
    site.deploy()
    _, kept = site.undo()
    assert len(kept) == 1
    assert "it holds the journal" in kept[0]
    assert site.world.inventory.find(site.storage_id)
    assert site.item("") is None


def test_an_undo_leaves_an_account_in_which_somebody_has_put_something(site):
    site.deploy()
    theirs = {"location": "westeurope", "properties": {"runbookType": "Python"}}
    site.world.automation.write(f"{site.account_id}/runbooks/theirs", writes.RUNBOOK, theirs)
    _, kept = site.undo(with_journal=True)
    assert kept == [f"{site.account_id}: it has more than the deployment has made: runbooks/theirs"]
    assert site.item("runbooks/theirs") is not None
    assert site.item("runbooks/remediate_resume") is None


def test_an_undo_leaves_a_storage_account_in_which_somebody_has_put_something(site):
    site.deploy()
    storage = site.world.inventory.find(site.storage_id)
    site.world.storage.write_table(storage, "theirs", {"properties": {}})
    _, kept = site.undo(with_journal=True)
    assert len(kept) == 1
    assert "it has more than the journal" in kept[0]
    assert [one.name for one in site.world.storage.within("/", writes.TABLE)] == ["theirs"]


@pytest.mark.parametrize("path", ["", "runbooks/remediate_resume", "runtimeEnvironments/remediate-python310"])
def test_an_undo_leaves_what_does_not_carry_the_tag(site, path):
    site.deploy()
    site.item(path).tags = {}
    _, kept = site.undo(with_journal=True)
    assert site.item(path) is not None
    assert any("no deployment has made it" in one for one in kept)


def test_an_undo_leaves_a_role_that_somebody_else_was_given(site):
    site.deploy()
    roles = site.world.authorization.roles
    role = next(one for one in roles.definitions.values() if one.name.endswith("(remediate)"))
    theirs = roles.assign(
        f"/subscriptions/{site.world.subscription}", role.guid, "66666666-6666-4666-8666-666666666666"
    )
    _, kept = site.undo(with_journal=True)
    assert theirs.id.lower() in roles.assignments
    assert role.guid in roles.definitions
    assert any("somebody else has been given the role" in one for one in kept)


def test_a_look_at_an_undo_names_what_it_then_does_and_sends_nothing(site):
    site.deploy()
    before = len(site.writes)
    planned = [step.target for step in site.removal(read_only=True, with_journal=True).steps()]
    assert len(site.writes) == before
    removed, _ = site.undo(with_journal=True)
    assert planned == [step.target for step in removed]


def test_an_undo_of_nothing_does_nothing(site):
    assert site.undo(with_journal=True) == ([], [])
    assert site.writes == []


def test_an_undo_that_is_cut_off_anywhere_goes_on_where_it_stopped(site):
    before = site.everything()
    site.deploy()
    for _ in range(60):
        removal = site.removal(with_journal=True)
        step = next(removal.steps(), None)
        if step is None:
            break
        Carrier(removal.session).carry_out(step)
    assert site.everything() == before


def test_a_resource_group_is_never_written(site):
    site.deploy()
    site.undo(with_journal=True)
    assert not [one for one in site.writes if re.search(r"/resourceGroups/[^/]+$", one["path"])]


# Material


def test_a_bundle_whose_files_are_not_those_of_its_manifest_is_refused(site):
    (site.folder / "runbooks" / "remediate_backup.py").write_text("print('else')\n", encoding="utf-8")
    with pytest.raises(UsageError, match="is not the file that"):
        site.plan()


def test_a_folder_that_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_material(tmp_path)
    (tmp_path / "manifest.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UsageError, match="is not remediate"):
        read_material(tmp_path)


def test_packages_come_over_https_only(site):
    with pytest.raises(UsageError, match="no https address"):
        site.plan(packages_url="http://packages.example/wheels")


def test_the_single_form_needs_no_package_of_ours(site):
    material = read_material(site.folder, single=True)
    assert [one.name for one in material.packages] == ["azure-core", "click"]
