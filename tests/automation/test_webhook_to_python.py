"""The PowerShell door in front of the Python runbook: parsed and held to the rules of our scripts."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from tests.guest import windows_lint
from tests.guest.windows_lint import Code

from .conftest import ROOT

TEXT = (ROOT / "azure-automation" / "webhook_to_python.ps1").read_text(encoding="utf-8")
CODE = Code(TEXT)
RULES = ("parses", "plain_text", "strict", "variables", "forbidden", "own_output", "known_parameters")
CMDLETS = {
    "Set-StrictMode": {"Version": True},
    "ConvertFrom-Json": {"InputObject": True},
    "ConvertTo-Json": {"InputObject": True, "Depth": True, "Compress": False},
    "Get-AutomationVariable": {"Name": True},
    "Invoke-RestMethod": dict.fromkeys(("Method", "Uri", "Headers", "TimeoutSec", "ContentType", "Body"), True),
    "Start-Sleep": {"Seconds": True},
    "Write-Output": {"InputObject": True},
    "Out-Null": {},
}


@pytest.mark.parametrize("rule", RULES)
def test_it_keeps_to_the_rules_of_our_scripts(rule, monkeypatch):
    monkeypatch.setattr(windows_lint, "CMDLETS", CMDLETS)
    monkeypatch.setattr(
        windows_lint,
        "AUTOMATIC",
        windows_lint.AUTOMATIC | {"webhookdata", "env:identity_endpoint", "env:identity_header"},
    )
    assert list(windows_lint.RULES[rule](CODE)) == []


def test_it_calls_nothing_but_what_a_bare_account_has():
    assert {call.name for call in CODE.calls} <= {*CMDLETS, *CODE.functions}


def test_it_starts_the_runbook_of_the_bundle_with_one_parameter():
    name = re.search(r"Runbook = '(\w+)'", TEXT)[1]
    assert (ROOT / "azure-automation" / f"{name}.py").exists()
    assert TEXT.count("'[PARAMETER 1]' = $Value") == 1


def test_it_writes_no_token_and_no_alert_anywhere():
    for line in TEXT.splitlines():
        if "Write-" in line or "throw" in line:
            assert not re.search(r"\$(token|body|value|headers|env:|answer)", line, re.IGNORECASE), line


def test_it_asks_no_other_host_than_resource_manager_and_the_identity():
    assert {*re.findall(r"https?://[^/\"'$?]+", TEXT)} == {"https://management.azure.com"}


@pytest.mark.parametrize("name", ["aa", "My-Account-1"])
def test_the_account_has_to_be_the_id_of_an_account(name):
    pattern = re.search(r"-notmatch '(.+)'\)", TEXT)[1].replace(r"\z", r"\Z")
    group = "/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/rg-(x)"
    good = f"{group}/providers/Microsoft.Automation/automationAccounts/{name}"
    assert re.search(pattern, good, re.IGNORECASE)
    for bad in (f"{good}/jobs/x", f"{good}\n", f"{good}?x=1", f"x{good}", good.replace("rg-", "../"), ""):
        assert not re.search(pattern, bad, re.IGNORECASE), bad


def test_what_it_hands_over_is_what_the_python_runbook_reads():
    from remediate.automation.argv import payload_of
    from tests.alerts.samples import built_in

    body = json.dumps(built_in())
    value = base64.b64encode(body.encode()).decode().rstrip("=").replace("+", "-").replace("/", "_")
    assert json.loads(payload_of(["x", value])) == built_in()


def test_a_job_name_as_it_makes_them_is_a_guid():
    hexadecimal = hashlib.sha256(b"{}").hexdigest()
    parts = (hexadecimal[:8], hexadecimal[8:12], f"5{hexadecimal[13:16]}", f"a{hexadecimal[17:20]}", hexadecimal[20:32])
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "-".join(parts))
