"""What the simulated Automation, Monitor and Storage take, and what they refuse."""

from __future__ import annotations

import json

import pytest
import requests

from remediate.deploy import writes

HOUR = {"frequency": "Hour", "interval": 1, "startTime": "2026-03-02T05:00:00Z"}
HOOK = {"uri": "https://x.example/hook", "expiryTime": "2026-09-01T00:00:00Z", "runbook": {"name": "remediate_resume"}}
LINK = {"schedule": {"name": "remediate-hourly"}, "runbook": {"name": "remediate_resume"}}
GUID = "77777777-7777-4777-8777-777777777777"
A = "Microsoft.Automation/automationAccounts/remediate"
RULE = {"scopes": [], "actions": [{"actionType": "AddActionGroups", "actionGroupIds": []}]}


@pytest.fixture
def call(site):
    """Send one request as anybody would, and return the answer."""

    def send(method, path, body=None, version="2024-10-23"):
        url = f"{site.drill.endpoint}{site.group_id}/providers/{path}?api-version={version}"
        return requests.request(method, url, json=body, headers={"Authorization": "Bearer x"}, timeout=30)

    return send


def properties(body):
    return {"properties": body}


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        (f"{A}/variables/v", properties({"value": "bare"}), 400, "Invalid JSON primitive: bare."),
        (f"{A}/variables/v", properties({"valeu": "1"}), 400, "valeu: is not known"),
        (f"{A}/variables/v", properties({"value": 1}), 400, "1 is no text"),
        (f"{A}/schedules/s", properties({**HOUR, "startTime": "2026-03-02T03:02:00Z"}), 400, "at least 5 minutes"),
        (f"{A}/schedules/s", properties({**HOUR, "startTime": "soon"}), 400, "'soon' is no time"),
        (f"{A}/schedules/s", properties({**HOUR, "frequency": "Often"}), 400, "is none of"),
        (f"{A}/jobSchedules/x", properties(LINK), 400, "must be a GUID"),
        (f"{A}/jobSchedules/{GUID}", properties(LINK), 409, "for the specified runbook and schedule already exists"),
        (f"{A}/jobSchedules/{GUID}", properties({**LINK, "schedule": {"name": "x"}}), 404, "'x' was not found"),
        (f"{A}/jobSchedules/{GUID}", properties({**LINK, "runbook": {"name": "x"}}), 404, "'x' was not found"),
        (f"{A}/webhooks/w", properties({**HOOK, "uri": None}), 400, "uri is required"),
        (f"{A}/webhooks/w", properties({**HOOK, "expiryTime": "2050-01-01T00:00:00Z"}), 400, "at most ten years"),
        (f"{A}/runtimeEnvironments/e", {"location": "westeurope", "properties": {}}, 400, "are required"),
        (
            f"{A}/runtimeEnvironments/remediate-python310",
            {"location": "westeurope", "properties": {"runtime": {"language": "Python", "version": "3.8"}}},
            400,
            "cannot be changed",
        ),
        (f"{A}/runtimeEnvironments/none/packages/p", properties({"contentLink": {"uri": "https://x"}}), 404, "parent"),
        (f"{A}/runbooks/r", {"properties": {}}, 400, "runbookType: is required"),
        (f"{A}/runbooks/r", [], 400, "must be a JSON object"),
        (
            "Microsoft.Insights/actionGroups/g",
            {"location": "Global", "properties": {"groupShortName": "x" * 13, "enabled": True}},
            400,
            "at most 12 characters",
        ),
        (
            "Microsoft.Insights/actionGroups/g",
            {
                "location": "Global",
                "properties": {
                    "groupShortName": "x",
                    "enabled": True,
                    "webhookReceivers": [{"name": "a", "serviceUri": "b"}] * 2,
                },
            },
            400,
            "a name of its own",
        ),
        (
            "Microsoft.AlertsManagement/actionRules/r",
            {"location": "Global", "properties": {**RULE, "scopes": ["/subscriptions/other"]}},
            400,
            "another subscription",
        ),
        (
            "Microsoft.AlertsManagement/actionRules/r",
            {"location": "westeurope", "properties": RULE},
            400,
            "is none of Global",
        ),
        ("Microsoft.Storage/storageAccounts/UPPER", {}, 400, "is required"),
        (
            "Microsoft.Storage/storageAccounts/UPPER",
            {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}},
            400,
            "not a valid storage account name",
        ),
        ("Microsoft.Storage/storageAccounts/remediatejournal/tableServices/default/tables/1", {}, 400, "not valid"),
    ],
)
def test_what_azure_would_not_take_is_refused_with_the_reason(site, call, path, body, status, said):
    site.deploy()
    answer = call("PUT", path, body)
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]


def test_a_link_with_the_same_id_is_a_conflict_as_users_have_reported(site, call):
    site.deploy()
    (link,) = site.world.automation.within(f"{site.account_id}/", writes.LINK)
    answer = call("PUT", f"{A}/jobSchedules/{link.name}", properties(LINK))
    assert answer.status_code == 409
    assert answer.json()["error"]["message"] == "A jobSchedule with same id already exists."


def test_a_runbook_runs_the_old_text_until_the_new_one_is_published(site, call):
    site.deploy()
    old = call("GET", f"{A}/runbooks/remediate_resume/content").text
    runbook = site.item("runbooks/remediate_resume")
    site.world.automation.upload(runbook, "print('new')\n")
    assert call("GET", f"{A}/runbooks/remediate_resume/content").text == old
    assert call("GET", f"{A}/runbooks/remediate_resume/draft/content").text == "print('new')\n"
    assert runbook.properties["state"] == "Edit"
    answer = call("POST", f"{A}/runbooks/remediate_resume/publish")
    assert answer.status_code == 202
    site.drill.runtime.sleep(60)
    assert call("GET", f"{A}/runbooks/remediate_resume/content").text == "print('new')\n"
    assert call("GET", f"{A}/runbooks/remediate_resume/draft/content").status_code == 404


def test_nothing_to_publish_ends_as_a_failed_operation(site, call):
    site.deploy()
    answer = call("POST", f"{A}/runbooks/remediate_resume/publish")
    site.drill.runtime.sleep(60)
    poll = requests.get(answer.headers["Location"], headers={"Authorization": "Bearer x"}, timeout=30)
    assert poll.status_code == 400
    assert "has no draft" in poll.json()["error"]["message"]


def test_a_webhooks_address_is_shown_once_and_never_again(site, call):
    site.deploy()
    assert "uri" not in call("GET", f"{A}/webhooks/remediate-backup-alert").json()["properties"]
    first = call("PUT", f"{A}/webhooks/w", properties(HOOK)).json()
    assert first["properties"]["uri"] == HOOK["uri"]
    again = call("PUT", f"{A}/webhooks/w", properties({**HOOK, "isEnabled": False})).json()
    assert "uri" not in again["properties"]
    assert again["properties"]["runbook"] == HOOK["runbook"]


def test_each_address_that_is_generated_is_another_one(site, call):
    site.deploy()
    one, other = (json.loads(call("POST", f"{A}/webhooks/generateUri").text) for _ in range(2))
    assert one.startswith("https://")
    assert one != other


def test_an_account_goes_with_all_that_is_in_it_and_its_successor_has_another_identity(site, call):
    site.deploy()
    first = call("GET", A).json()["identity"]["principalId"]
    assert call("DELETE", A).status_code == 200
    assert call("DELETE", A).status_code == 204
    assert site.world.automation.within(f"{site.account_id}/", writes.RUNBOOK) == []
    site.deploy()
    assert call("GET", A).json()["identity"]["principalId"] != first


def test_lists_show_what_is_there(site, call):
    site.deploy()
    names = [one["name"] for one in call("GET", f"{A}/runbooks").json()["value"]]
    assert sorted(names) == ["remediate_backup", "remediate_backup_alert", "remediate_resume"]
    assert "Python-3.10" in [one["name"] for one in call("GET", f"{A}/runtimeEnvironments").json()["value"]]
    home = "Microsoft.Automation/automationAccounts"
    assert [one["name"] for one in call("GET", home).json()["value"]] == ["remediate"]
    assert [one["name"] for one in call("GET", "Microsoft.Insights/actionGroups").json()["value"]] == ["remediate"]


def test_an_operation_whose_token_is_wrong_is_not_known(site):
    site.deploy()
    url = f"{site.drill.endpoint}/subscriptions/{site.world.subscription}/providers/Microsoft.Automation/locations/x"
    answer = requests.get(f"{url}/operationResults/y?api-version=1", headers={"Authorization": "Bearer x"}, timeout=30)
    assert answer.status_code == 404
