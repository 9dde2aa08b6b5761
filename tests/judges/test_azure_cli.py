"""The real Azure CLI, which knows nothing of us, works against the simulator as against Azure.

``AZ`` names the command to run, else ``az`` on the PATH; without one these tests are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from remediate.role import role
from runbooks.registry import runbooks

REPOSITORY = Path(__file__).resolve().parents[2]
AZ = os.environ.get("AZ") or shutil.which("az")

pytestmark = pytest.mark.skipif(AZ is None, reason="no Azure CLI: neither AZ nor an az on the PATH")


@dataclass(frozen=True)
class Served:
    """A simulator in a process of its own, behind TLS."""

    ready: dict[str, Any]
    http: requests.Session

    def control(self, method: str, path: str, body: Any = None) -> Any:
        response = self.http.request(method, f"{self.ready['endpoint']}/_sim/{path}", json=body, timeout=30)
        response.raise_for_status()
        return response.json()

    @property
    def state(self) -> Any:
        return self.control("GET", "state")


@pytest.fixture(scope="module")
def served():
    command = [sys.executable, "-m", "tests.judges.furnished"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process,
        requests.Session() as http,
    ):
        try:
            ready = json.loads(process.stdout.readline())
            http.verify, http.trust_env = ready["ca"], False
            yield Served(ready, http)
        finally:
            process.terminate()


@dataclass(frozen=True)
class Cli:
    environment: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [AZ, *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False)

    def __call__(self, *arguments: str) -> Any:
        """What the command printed, parsed."""
        done = self.run(*arguments, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.fixture(scope="module")
def logged_in(served, tmp_path_factory):
    """The CLI with the simulator as its cloud, what its login by managed identity printed, and what it sent."""
    home = tmp_path_factory.mktemp("az")
    cli = Cli(
        {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AZURE_CONFIG_DIR": str(home / "config"),
            "REQUESTS_CA_BUNDLE": served.ready["ca"],
            "NO_PROXY": "*",
            "IDENTITY_ENDPOINT": served.ready["token_url"],
            "IDENTITY_HEADER": "secret",
            "AZURE_CORE_COLLECT_TELEMETRY": "0",
            "AZURE_CORE_ONLY_SHOW_ERRORS": "1",
            "AZURE_CORE_SURVEY_MESSAGE": "0",
            "AZURE_AUTO_UPGRADE_ENABLE": "0",
            "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
        }
    )
    cli("cloud", "register", "--name", "Simulator", "--endpoint-resource-manager", served.ready["endpoint"])
    cli("cloud", "set", "--name", "Simulator")
    accounts = cli("login", "--identity")
    return cli, accounts, served.control("GET", "requests")


@pytest.fixture
def az(logged_in, served, judge_traffic):
    """The CLI on a world that is as the scenario begins; its traffic is held against the OpenAPI documents."""
    served.control("POST", "reset")
    yield logged_in[0]
    judge_traffic(served.control("GET", "requests"))


@pytest.fixture
def group(served):
    return ("--resource-group", served.ready["resource_group"])


@pytest.fixture
def vault(az, served):
    """The arguments that name the scenario's vault, as the CLI itself lists it."""
    [listed] = az("backup", "vault", "list")
    assert listed["name"] == served.ready["vault"]
    return ("--resource-group", listed["resourceGroup"], "--vault-name", listed["name"])


@pytest.fixture
def item(served, vault):
    """The arguments that name the protected item of the scenario's VM."""
    name, kind = served.ready["vm"], ("--backup-management-type", "AzureIaasVM", "--workload-type", "VM")
    return (*vault, "--container-name", name, "--item-name", name, *kind)


def test_the_azure_cli_logs_in_by_managed_identity(logged_in, served, judge_traffic):
    _, [account], sent = logged_in
    judge_traffic(sent)
    assert account["id"] == served.ready["subscription"]
    assert account["tenantId"] == served.ready["tenant"]
    assert account["user"]["name"] == "systemAssignedIdentity"


def test_the_azure_cli_shows_the_vm_and_its_instance_view(az, served, group):
    name = served.ready["vm"]
    shown = az("vm", "show", *group, "--name", name)
    [known] = [one for one in served.state["vms"] if one["name"] == name]
    assert (shown["id"], shown["vmId"], shown["location"]) == (known["id"], known["vm_id"], known["location"])
    view = az("vm", "get-instance-view", *group, "--name", name)["instanceView"]
    assert f"PowerState/{known['power_state']}" in [one["code"] for one in view["statuses"]]
    assert view["vmAgent"]["statuses"][0]["displayStatus"] == "Ready"


def test_the_azure_cli_lists_and_deletes_extensions(az, served, group):
    machine = (*group, "--vm-name", served.ready["vm"])

    def there():
        return [extension["name"] for vm in served.state["vms"] for extension in vm["extensions"]]

    [snapshot] = [
        one for one in az("vm", "extension", "list", *machine) if one["publisher"].endswith("RecoveryServices")
    ]
    assert snapshot["name"] in there()
    az("vm", "extension", "delete", *machine, "--name", snapshot["name"])
    assert snapshot["name"] not in there()


def test_the_azure_cli_lists_and_deletes_locks_and_is_told_what_a_lock_forbids(az, served):
    backup_group = ("--resource-group", served.ready["backup_resource_group"])
    [collection] = az("restore-point", "collection", "list", *backup_group)
    assert collection["id"] == served.ready["collections"][0] == served.state["collections"][0]["id"]
    delete = ("restore-point", "collection", "delete", "--yes", *backup_group, "--collection-name", collection["name"])
    refused = az.run(*delete)
    assert refused.returncode != 0
    assert "(ScopeLocked)" in refused.stderr
    assert len(served.state["collections"][0]["points"]) == 18
    locks = az("lock", "list", *backup_group)
    assert [one["id"] for one in locks] == served.ready["locks"]
    assert locks[0]["level"] == "CanNotDelete"
    az("lock", "delete", "--ids", locks[0]["id"])
    assert served.state["locks"] == []
    az(*delete, "--no-wait")
    served.control("POST", "clock", {"advance": "PT6H"})
    assert served.state["collections"] == []


def test_the_azure_cli_lists_vaults_items_and_failed_jobs(az, served, vault):
    [item] = az("backup", "item", "list", *vault)
    assert item["properties"]["friendlyName"] == served.ready["vm"]
    assert item["properties"]["protectionState"] == "Protected"
    jobs = az("backup", "job", "list", *vault, "--status", "Failed", "--operation", "Backup")
    assert jobs
    assert {one["properties"]["status"] for one in jobs} == {"Failed"}


def test_the_azure_cli_starts_a_backup_and_is_given_its_job(az, served, item):
    job = az("backup", "protection", "backup-now", *item, "--retain-until", "01-04-2026")
    assert job["properties"]["operation"] == "Backup"
    assert job["properties"]["isUserTriggered"] is True
    assert job["name"] in json.dumps(served.state)


def test_the_azure_cli_stops_protection_and_keeps_the_data(az, served, item):
    before = served.state
    job = az("backup", "protection", "disable", "--yes", *item)
    assert job["properties"]["operation"] == "DisableBackup"
    assert "ProtectionStopped" in json.dumps(served.state)
    assert "ProtectionStopped" not in json.dumps(before)


def test_the_azure_cli_leaves_a_disk_out_of_the_backup_and_takes_it_in_again(az, served, vault):
    name = served.ready["vm"]
    where = (*vault, "--container-name", name, "--item-name", name)

    def disks():
        kind = ("--backup-management-type", "AzureIaasVM", "--workload-type", "VM")
        shown = az("backup", "item", "show", *vault, "--container-name", name, "--name", name, *kind)
        return (shown["properties"].get("extendedProperties") or {}).get("diskExclusionProperties")

    assert disks() is None
    az("backup", "protection", "update-for-vm", *where, "--disk-list-setting", "exclude", "--diskslist", "2", "5")
    assert disks() == {"diskLunList": [2, 5], "isInclusionList": False}
    az("backup", "protection", "update-for-vm", *where, "--exclude-all-data-disks", "true")
    assert disks() == {"diskLunList": [], "isInclusionList": True}
    az("backup", "protection", "update-for-vm", *where, "--disk-list-setting", "resetexclusionsettings")
    assert disks() is None


def test_the_azure_cli_shows_a_resource_group(az, served):
    shown = az("group", "show", "--name", served.ready["resource_group"])
    assert shown["name"] in [one["name"] for one in served.state["groups"]]
    assert shown["properties"]["provisioningState"] == "Succeeded"


SOMEBODY = "77777777-7777-4777-8777-777777777777"


def test_the_azure_cli_shows_the_disks_and_the_network_of_a_machine(az, served, group):
    model = az("vm", "show", *group, "--name", served.ready["vm"])
    os_disk = model["storageProfile"]["osDisk"]
    disk = az("disk", "show", *group, "--name", os_disk["name"])
    assert (disk["id"], disk["managedBy"]) == (os_disk["managedDisk"]["id"], model["id"])
    assert (disk["diskState"], disk["diskSizeGB"]) == ("Attached", os_disk["diskSizeGB"])
    [reference] = model["networkProfile"]["networkInterfaces"]
    nic = az("network", "nic", "show", "--ids", reference["id"])
    assert nic["virtualMachine"]["id"] == model["id"]
    subnet = nic["ipConfigurations"][0]["subnet"]["id"]
    listed = az("network", "vnet", "subnet", "list", *group, "--vnet-name", subnet.split("/")[8])
    assert [one["id"] for one in listed] == [subnet]
    guard = az("network", "nsg", "show", "--ids", nic["networkSecurityGroup"]["id"])
    assert guard["networkInterfaces"][0]["id"] == nic["id"]


def test_the_azure_cli_shows_a_storage_account(az, group):
    account = az("storage", "account", "show", *group, "--name", "stagingweu")
    assert (account["sku"]["name"], account["kind"]) == ("Standard_LRS", "StorageV2")
    assert account["networkRuleSet"]["defaultAction"] == "Allow"


def test_the_azure_cli_shows_a_key_vault_and_sets_who_may_use_it(az, served, group):
    vault = az("keyvault", "show", "--name", "kv-web")
    [known] = vault["properties"]["accessPolicies"]
    assert sorted(known["permissions"]["keys"]) == ["backup", "get", "list"]
    names = (*group, "--name", "kv-web", "--object-id", SOMEBODY)
    az("keyvault", "set-policy", *names, "--secret-permissions", "get", "list")
    [shown] = [one for one in served.state["resources"] if one["name"] == "kv-web"]
    assert [one["objectId"] for one in shown["properties"]["accessPolicies"]] == [known["objectId"], SOMEBODY]
    assert sorted(shown["properties"]["accessPolicies"][1]["permissions"]["secrets"]) == ["get", "list"]


def test_the_azure_cli_assigns_a_role_and_lists_it(az, served):
    scope = f"/subscriptions/{served.ready['subscription']}/resourceGroups/{served.ready['resource_group']}"
    who = ("--assignee-object-id", SOMEBODY, "--assignee-principal-type", "ServicePrincipal")
    made = az("role", "assignment", "create", *who, "--role", "Backup Contributor", "--scope", scope)
    assert (made["scope"], made["principalId"]) == (scope, SOMEBODY)
    listed = az("role", "assignment", "list", "--scope", scope, "--fill-principal-name", "false")
    assert [(one["principalId"], one["roleDefinitionName"]) for one in listed] == [(SOMEBODY, "Backup Contributor")]
    az("role", "assignment", "delete", "--ids", made["id"])
    assert SOMEBODY not in json.dumps(served.state["role_assignments"])


def test_the_azure_cli_creates_the_role_that_remediate_prints(az, served, tmp_path):
    made = role(runbooks(), scopes=[f"/subscriptions/{served.ready['subscription']}"])
    file = tmp_path / "role.json"
    file.write_text(json.dumps(made), encoding="utf-8")
    shown = az("role", "definition", "create", "--role-definition", f"@{file}")
    assert (shown["roleName"], shown["roleType"]) == (made["Name"], "CustomRole")
    assert sorted(shown["permissions"][0]["actions"]) == made["Actions"]


def test_the_azure_cli_lists_metrics_of_a_machine(az, served):
    [known] = [one for one in served.state["vms"] if one["name"] == served.ready["vm"]]
    span = ("--start-time", "2026-03-02T02:00:00Z", "--end-time", "2026-03-02T03:00:00Z", "--interval", "PT15M")
    [cpu] = az("monitor", "metrics", "list", "--resource", known["id"], "--metric", "Percentage CPU", *span)["value"]
    assert [one["average"] for one in cpu["timeseries"][0]["data"]] == [6.5] * 4


def test_the_azure_cli_is_told_that_a_resource_does_not_exist(az, group):
    refused = az.run("disk", "show", *group, "--name", "nothing")
    assert refused.returncode == 3
    assert "ResourceNotFound" in refused.stderr
