"""``remediate deploy azure-automation`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from remediate.cli.app import status_of

from .conftest import GROUP, PACKAGES

VAULT = "/providers/Microsoft.RecoveryServices/vaults/v"
HERE = "/subscriptions/22222222-2222-4222-8222-222222222222"
SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "schemas"
SCHEMA = json.loads((SCHEMAS / "remediate.deployment-1.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def deploy(site, capsys, monkeypatch):
    """Run the command; return its status and what it printed."""
    monkeypatch.setattr("arm.runtime.system_runtime", lambda: site.drill.runtime)
    monkeypatch.setenv("REMEDIATE_ARM_ENDPOINT", site.drill.endpoint)

    def call(*words, url=PACKAGES):
        given = ["--bundle", str(site.folder), "-g", GROUP, *(["--packages-url", url] if url else []), *words]
        capsys.readouterr()
        status = status_of(["deploy", "azure-automation", *given])
        return status, capsys.readouterr()

    return call


def validated(text):
    document = json.loads(text)
    errors = list(Draft202012Validator(SCHEMA).iter_errors(document))
    assert [f"{error.json_path}: {error.message}" for error in errors] == []
    return document


def test_a_look_beforehand_shows_the_steps_and_the_permissions_and_sends_nothing(site, deploy):
    status, said = deploy("--what-if")
    assert status == 0
    assert "nothing was sent" in said.out
    assert "Microsoft.Authorization/roleAssignments/write" in said.out
    assert site.writes == []


def test_without_yes_and_without_a_terminal_nothing_is_changed(site, deploy):
    status, said = deploy()
    assert status == 4
    assert "give --yes" in said.err
    assert site.writes == []


def test_it_deploys_and_the_second_time_has_nothing_to_do(deploy):
    status, said = deploy("--yes", "-o", "json")
    assert status == 0
    document = validated(said.out)
    assert document["done"] is True
    assert len(document["steps"]) > 20
    status, said = deploy("--yes")
    assert status == 0
    assert "nothing to do" in said.out


def test_an_undo_says_what_it_keeps(site, deploy):
    deploy("--yes")
    status, said = deploy("--undo", "--what-if", "-o", "json", url="")
    assert validated(said.out)["done"] is False
    status, said = deploy("--undo", "--yes", "-o", "json", url="")
    assert status == 0
    document = validated(said.out)
    assert {step["verb"] for step in document["steps"]} == {"delete"}
    assert len(document["kept"]) == 1
    status, said = deploy("--undo", "--with-journal", "--yes", url="")
    assert status == 0
    assert not [one for one in site.everything() if "remediate" in one and "rg-remediate" not in one]


def test_mode_and_configuration_reach_the_account(site, deploy, tmp_path):
    config = tmp_path / "remediate.toml"
    config.write_text("", encoding="utf-8")
    deploy("--yes", "--mode", "repair", "--location", "northeurope", "--storage-sku", "Standard_LRS")
    assert site.item("variables/REMEDIATE_MODE").properties["value"] == '"repair"'
    assert site.item("").location == "northeurope"
    assert site.item("variables/REMEDIATE_CONFIG") is None


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("-g", "no-such-group"), "there is no resource group"),
        (("-g", "a/b"), "is no name of a resource group"),
        (("--subscription", "x"), "is no id"),
        (("--with-journal",), "belongs to --undo"),
        (("--bundle", "/nowhere"), "cannot be read"),
        (("--configuration", "/nowhere.toml"), "nowhere.toml"),
        (("--account", "a b"), "--account 'a b' is no name of an Automation account"),
        (("--account", "x/../../remediate"), "is no name of an Automation account"),
        (("--undo", "--account", "../other/remediate"), "is no name of an Automation account"),
        (("--storage-account", "A_B"), "--storage-account 'A_B' is no name of a storage account"),
        (("--undo", "--storage-account", "../../x"), "is no name of a storage account"),
        (("--storage-sku", "Premium_LRS"), "--storage-sku 'Premium_LRS' is not one of Standard_LRS"),
        (("--location", "West/Europe"), "--location 'West/Europe' is no region"),
        (("--alert-scope", "vault-weu"), "--alert-scope 'vault-weu' is no id"),
        (("--alert-scope", f"{HERE}/resourceGroups/rg?x"), "is no id of a subscription, resource group or vault"),
        (("--alert-scope", HERE.replace("2", "3")), "is in another subscription"),
        (("--packages-url", "https://user:hunter2@x/y"), "--packages-url is no https address"),
        (("--packages-url", "https://x y/"), "--packages-url is no https address"),
    ],
)
def test_a_call_that_is_wrong_says_what_is_wrong_and_sends_nothing(site, deploy, words, part):
    status, said = deploy("--yes", *words)
    assert status == 2
    assert part in said.out + said.err
    assert "hunter2" not in said.out + said.err
    assert site.writes == []


@pytest.mark.parametrize("below", ["", "/resourceGroups/rg-web", f"/resourceGroups/rg-web{VAULT}"])
def test_alerts_of_a_subscription_a_resource_group_or_a_vault_can_be_taken(site, deploy, below):
    status, said = deploy("--what-if", "--alert-scope", f"{HERE}{below}")
    assert (status, said.err) == (0, "")
    assert f'"scopes": ["{HERE}{below}"]' in said.out


def test_a_bundle_that_is_not_there_is_told_without_the_words_of_python(deploy):
    _, said = deploy("--what-if", "--bundle", "/nowhere")
    assert "/nowhere/manifest.json cannot be read: No such file or directory" in said.err


def test_the_address_of_the_packages_is_asked_for(site, deploy):
    status, said = deploy("--yes", url="")
    assert status == 2
    assert "--packages-url is missing" in said.err
    assert site.writes == []


def test_missing_permissions_stop_it_before_the_first_write(site, deploy):
    site.world.authorization.denied.add("Microsoft.Authorization/roleDefinitions/write")
    status, said = deploy("--yes")
    assert status == 6
    assert "roleDefinitions/write at /subscriptions/" in said.err
    assert site.writes == []
