"""The walk through an Automation account: all that a runbook needs, made, read and deleted by Microsoft's client."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

from azure.mgmt.automation import AutomationClient

WHEEL = "https://example.org/wheels/walk-1.2.3-py3-none-any.whl"
LINK = "88888888-8888-4888-8888-888888888888"
TEXT = "print('grüß dich')\n"


@contextmanager
def an_account(walk):
    """The client, and an Automation account as group and name; the account is gone in the end."""
    client, at = walk.client(AutomationClient, walk.subscription), (walk.group, "aa-walk")
    body = {"location": "westeurope", "identity": {"type": "SystemAssigned"}, "properties": {"sku": {"name": "Basic"}}}
    made = client.automation_account.create_or_update(*at, body)
    assert (made.state, made.sku.name, made.identity.type) == ("Ok", "Basic", "SystemAssigned")
    yield client, at
    client.automation_account.delete(*at)
    assert at[1] not in [one.name for one in client.automation_account.list_by_resource_group(walk.group)]


def a_published_runbook(client, at):
    """A runbook of this text, in an environment of its own."""
    client.runbook.create_or_update(*at, "walk", {"location": "westeurope", "properties": {"runbookType": "Python"}})
    client.runbook_draft.begin_replace_content(*at, "walk", TEXT).result()
    client.runbook.begin_publish(*at, "walk").result()


def accounts(walk):
    with an_account(walk) as (client, at):
        found = client.automation_account.get(*at)
        assert found.creation_time <= found.last_modified_time
        assert found.identity.principal_id
        assert found.id in [one.id for one in client.automation_account.list_by_resource_group(walk.group)]
        for kind in (client.credential, client.connection, client.certificate, client.module):
            assert list(kind.list_by_automation_account(*at)) == []


def runtime_environments(walk):
    with an_account(walk) as (client, at):
        body = {"location": "westeurope", "properties": {"runtime": {"language": "Python", "version": "3.10"}}}
        made = client.runtime_environments.create(*at, "walk", body)
        assert (made.properties.runtime.language, made.properties.runtime.version) == ("Python", "3.10")
        assert client.runtime_environments.get(*at, "walk").name == "walk"
        names = [one.name for one in client.runtime_environments.list_by_automation_account(*at)]
        assert {"walk", "Python-3.10"} <= set(names)
        wheel = (*at, "walk", "walk")
        client.package.create_or_update(*wheel, {"properties": {"contentLink": {"uri": WHEEL}}})
        assert client.package.get(*wheel).properties.provisioning_state == "Creating"
        walk.later(timedelta(minutes=5))
        package = client.package.get(*wheel).properties
        assert (package.provisioning_state, package.version, package.error) == ("Succeeded", "1.2.3", None)
        client.package.delete(*wheel)
        client.runtime_environments.delete(*at, "walk")
        assert "walk" not in [one.name for one in client.runtime_environments.list_by_automation_account(*at)]


def runbooks(walk):
    with an_account(walk) as (client, at):
        body = {"location": "westeurope", "properties": {"runbookType": "Python", "description": "Walks."}}
        made = client.runbook.create_or_update(*at, "walk", body)
        assert (made.state, made.runbook_type, made.description) == ("New", "Python", "Walks.")
        client.runbook_draft.begin_replace_content(*at, "walk", TEXT).result()
        assert client.runbook_draft.get_content(*at, "walk") == TEXT
        client.runbook.begin_publish(*at, "walk").result()
        assert client.runbook.get_content(*at, "walk") == TEXT
        assert client.runbook.get(*at, "walk").state == "Published"
        assert [one.name for one in client.runbook.list_by_automation_account(*at)] == ["walk"]
        client.runbook.delete(*at, "walk")
        assert list(client.runbook.list_by_automation_account(*at)) == []


def variables(walk):
    with an_account(walk) as (client, at):
        body = {"name": "walk", "properties": {"value": '"yes"', "isEncrypted": False}}
        made = client.variable.create_or_update(*at, "walk", body)
        assert (made.value, made.is_encrypted) == ('"yes"', False)
        assert client.variable.get(*at, "walk").name == "walk"
        assert [one.value for one in client.variable.list_by_automation_account(*at)] == ['"yes"']
        client.variable.delete(*at, "walk")
        assert list(client.variable.list_by_automation_account(*at)) == []


def schedules(walk):
    with an_account(walk) as (client, at):
        a_published_runbook(client, at)
        when = {"startTime": "2026-06-01T03:00:00Z", "frequency": "Hour", "interval": 1, "timeZone": "Etc/UTC"}
        made = client.schedule.create_or_update(*at, "hourly", {"name": "hourly", "properties": when})
        assert (made.frequency, made.interval, made.start_time.hour) == ("Hour", 1, 3)
        assert client.schedule.get(*at, "hourly").time_zone == "Etc/UTC"
        assert [one.name for one in client.schedule.list_by_automation_account(*at)] == ["hourly"]
        pair = {"schedule": {"name": "hourly"}, "runbook": {"name": "walk"}, "parameters": {"a": "b"}}
        linked = client.job_schedule.create(*at, LINK, {"properties": pair})
        assert (linked.job_schedule_id, linked.parameters) == (LINK, {"a": "b"})
        found = client.job_schedule.get(*at, LINK)
        assert (found.schedule.name, found.runbook.name) == ("hourly", "walk")
        assert [one.job_schedule_id for one in client.job_schedule.list_by_automation_account(*at)] == [LINK]
        client.job_schedule.delete(*at, LINK)
        client.schedule.delete(*at, "hourly")
        assert list(client.job_schedule.list_by_automation_account(*at)) == []
        assert list(client.schedule.list_by_automation_account(*at)) == []


def webhooks(walk):
    with an_account(walk) as (client, at):
        a_published_runbook(client, at)
        uri = client.webhook.generate_uri(*at).strip('"')  # the SDK hands out the raw text, a JSON string
        properties = {"uri": uri, "isEnabled": True, "expiryTime": "2027-03-01T00:00:00Z", "runbook": {"name": "walk"}}
        made = client.webhook.create_or_update(*at, "walk", {"name": "walk", "properties": properties})
        assert (made.uri, made.is_enabled, made.expiry_time.year) == (uri, True, 2027)
        found = client.webhook.get(*at, "walk")
        assert (found.runbook.name, found.uri) == ("walk", None)
        assert [one.name for one in client.webhook.list_by_automation_account(*at)] == ["walk"]
        client.webhook.delete(*at, "walk")
        assert list(client.webhook.list_by_automation_account(*at)) == []


AUTOMATION = (accounts, runtime_environments, runbooks, variables, schedules, webhooks)
