"""The judge itself: it acquits Microsoft's own examples and convicts whatever is changed in them."""

from __future__ import annotations

import copy

import pytest

from . import known
from .documents import Documents
from .openapi import Judge
from .samples import HEADERS, entry, samples

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000000"
VAULT = f"{SUBSCRIPTION}/resourceGroups/rg-1/providers/Microsoft.RecoveryServices/vaults/vault-1"
ITEM = (
    f"{VAULT}/backupFabrics/Azure/protectionContainers/IaasVMContainer;iaasvmcontainerv2;rg-1;vm-1"
    "/protectedItems/VM;iaasvmcontainerv2;rg-1;vm-1"
)
VM = f"{SUBSCRIPTION}/resourceGroups/rg-1/providers/Microsoft.Compute/virtualMachines/vm-1"
COLLECTIONS = f"{SUBSCRIPTION}/resourceGroups/rg-1/providers/Microsoft.Compute/restorePointCollections"
LOCK = f"{SUBSCRIPTION}/resourceGroups/rg-1/providers/Microsoft.Authorization/locks/lock-1"
VERSION = {"api-version": "2026-10-01"}


def exchange(method, path, *, status=200, response=None, body=None, query=None):
    return entry(method, path, {**VERSION, **(query or {})}, body, status, response)


def item(**changes):
    properties = {"protectedItemType": "Microsoft.Compute/virtualMachines", "protectionState": "Protected", **changes}
    return {"id": ITEM, "name": "VM;1", "type": "Microsoft.RecoveryServices/vaults", "properties": properties}


def said(judge, one):
    return [f"{finding.where}: {finding.what}" for finding in judge.judge([one])]


@pytest.fixture(scope="module")
def official(documents):
    return samples(documents)


def unnoticed(judge, official, spoil, complaint):
    """The examples in which the judge overlooks what ``spoil`` did; one that it returns ``None`` for is not spoilt."""
    spoilt = [(str(one), spoil(copy.deepcopy(one.entry))) for one in official]
    tried = [(name, one) for name, one in spoilt if one is not None]
    assert tried
    return [name for name, one in tried if not any(complaint in said_one for said_one in said(judge, one))]


def test_every_official_example_of_microsoft_is_acquitted(judge, official):
    assert len(official) > 400
    assert {str(one): judge.judge([one.entry]) for one in official if judge.judge([one.entry])} == {}


def test_a_field_invented_in_the_response_of_an_official_example_is_found(judge, official):
    def spoil(one):
        return {**one, "response": {**one["response"], "invented": 1}} if isinstance(one["response"], dict) else None

    assert unnoticed(judge, official, spoil, "'invented' is not in the document") == []


def test_a_field_invented_in_the_request_of_an_official_example_is_found(judge, official):
    def spoil(one):
        return {**one, "body": {**one["body"], "invented": 1}} if isinstance(one["body"], dict) else None

    assert unnoticed(judge, official, spoil, "request body: 'invented' is not in the document") == []


def test_a_response_that_turned_into_a_list_is_found(judge, official):
    def spoil(one):
        return {**one, "response": [one["response"]]} if isinstance(one["response"], dict) else None

    assert unnoticed(judge, official, spoil, "is not of type 'object'") == []


def test_properties_that_turned_into_text_are_found(judge, official):
    def spoil(one):
        body = one["response"]
        if not isinstance(body, dict) or not isinstance(body.get("properties"), dict):
            return None
        return {**one, "response": {**body, "properties": "lost"}}

    assert unnoticed(judge, official, spoil, "body properties: 'lost' is not of type 'object'") == []


def test_an_undocumented_status_is_found(judge, official):
    assert unnoticed(judge, official, lambda one: {**one, "status": 299}, "status: 299 is not documented") == []


@pytest.mark.parametrize(
    ("spoilt", "complaint"),
    [
        (
            exchange("GET", ITEM, response=item(protectionState="Protectedd")),
            "properties.protectionState: 'Protectedd'",
        ),
        (exchange("GET", ITEM, response=item(protectedItemType="VM")), "properties: protectedItemType 'VM' is none of"),
        (
            exchange("GET", ITEM, response={"id": ITEM, "properties": {"protectionState": "Protected"}}),
            "properties: 'protectedItemType', which says what kind of object this is, is missing",
        ),
        (exchange("GET", ITEM, response=item(lastBackupTime="yesterday")), "lastBackupTime: 'yesterday' is not a"),
        (exchange("GET", ITEM, response=item(lastBackupTime="2026-02-30T00:00:00Z")), "is not a 'date-time'"),
        (
            exchange("GET", ITEM, response=item(extendedInfo={"recoveryPointCount": "7"})),
            "'7' is not of type 'integer'",
        ),
        (exchange("GET", ITEM, response=item(extendedInfo={"recoveryPointCount": 2**31})), "is not a 'int32'"),
        (exchange("GET", ITEM, response=item(healthDetail=[])), "an invented field; the document has 'healthDetails'"),
        (exchange("GET", ITEM, response=item(jobType="AzureIaaSVMJob")), "'jobType' is not in the document"),
        (exchange("GET", ITEM, response=None), "response 200 body: None is not of type 'object'"),
        (exchange("GET", ITEM, response="<html>"), "response 200 body: '<html>' is not of type 'object'"),
        (exchange("DELETE", LOCK, response={"id": LOCK}), "response 200 body: the document has no body here"),
        (exchange("GET", LOCK, response={"properties": {}}), "response 200 body properties: 'level' is required"),
        (exchange("PUT", LOCK, response=None), "request body: is required"),
        (
            exchange("POST", f"{ITEM}/backup", status=202, body={"properties": {"objectType": "IaasVMBackup"}}),
            "request body properties: objectType 'IaasVMBackup' is none of",
        ),
        (exchange("GET", COLLECTIONS, response={"value": [], "nextlink": None}), "the document has 'nextLink'"),
        (exchange("GET", VM, query={"$select": "x"}, response={"location": "x"}), "query parameter $select: is not in"),
        (
            exchange("GET", VM, response={"location": "x", "properties": {"osProfile": {"adminPassword": "x"}}}),
            "properties.osProfile: 'adminPassword' is a secret",
        ),
        (exchange("GET", f"{VAULT}/inventions", response={}), "path: no document describes this"),
        (exchange("GET", ITEM, status=404, response={"message": "gone"}), "response 404 body: 'message' is not in"),
        (exchange("GET", f"{VAULT}/inventions", status=404, response={}), "response 404 body: 'error' is required"),
    ],
)
def test_a_lie_is_found_and_named(judge, spoilt, complaint):
    assert any(complaint in one for one in said(judge, spoilt)), said(judge, spoilt)


@pytest.mark.parametrize(
    "honest",
    [
        exchange("GET", ITEM, response=item()),
        exchange("GET", ITEM.upper(), response=item(policyType="V2", lastBackupTime=None)),
        exchange("GET", ITEM, status=404, response={"error": {"code": "NotFound", "message": "gone"}}),
        exchange("GET", LOCK, response={"id": LOCK, "properties": {"level": "CanNotDelete", "notes": "keep"}}),
        exchange("PUT", LOCK, status=201, body={"properties": {"level": "ReadOnly"}, "id": LOCK}, response={
            "id": LOCK, "properties": {"level": "ReadOnly"}}),
        exchange("PUT", LOCK, status=400, body={"nonsense": 1}, response={"error": {"code": "a", "message": "b"}}),
        exchange("DELETE", LOCK, status=204),
    ],
)  # fmt: skip
def test_honest_traffic_is_acquitted(judge, honest):
    assert said(judge, honest) == []


def test_a_lock_on_a_vm_is_judged_as_a_lock(judge):
    lock = f"{VM}/providers/Microsoft.Authorization/locks/lock-1"
    lie = exchange("GET", lock, response={"properties": {"level": "Sometimes"}})
    assert judge.documents.find("GET", lock).id == "ManagementLocks_GetByScope"
    assert ["properties.level: 'Sometimes' is none of" in one for one in said(judge, lie)] == [True]


def test_the_document_of_the_requests_own_version_is_preferred(documents):
    assert documents.find("GET", LOCK, "2016-09-01").version == "2016-09-01"
    assert documents.find("GET", LOCK, "2030-01-01").version == "2020-05-01"


def test_an_accepted_request_must_say_where_to_follow_it(judge):
    one = exchange("POST", f"{VM}/restart", status=202)
    one["response_headers"] = HEADERS
    assert said(judge, one) == [
        "response headers: 202 without Azure-AsyncOperation or Location: nobody can follow the operation"
    ]


def test_the_headers_that_arm_always_sends_are_demanded(judge):
    one = exchange("DELETE", LOCK)
    one["response_headers"] = {"X-MS-Request-Id": "1", "DATE": "x"}
    assert said(judge, one) == ["response headers: x-ms-correlation-request-id is missing, which ARM always sends"]


def test_query_parameters_of_an_url_that_the_service_handed_out_are_its_own_business(judge):
    first = exchange(
        "GET", COLLECTIONS, response={"value": [], "nextLink": f"https://x{COLLECTIONS}?api-version=1&$skipToken=abc"}
    )
    second = entry("GET", COLLECTIONS, {"api-version": "1", "$skipToken": "abc"}, None, 200, {"value": []})
    third = entry("GET", COLLECTIONS, {"api-version": "1", "$skipToken": "made-up"}, None, 200, {"value": []})
    assert judge.judge([first, second]) == []
    assert said(judge, third) == ["query parameter $skiptoken: is not in the document"]


def test_traffic_that_was_spoilt_on_purpose_is_not_judged(judge):
    assert said(judge, {**exchange("GET", ITEM, response="<html>"), "fault": "not_json"}) == []


def test_traffic_without_a_document_is_counted_under_its_reason(judge):
    assert judge.judge([exchange("HEAD", f"{SUBSCRIPTION}/resourceGroups/rg-1", status=404)]) == []
    assert judge.unjudged == {"resource groups": 1}
    assert not judge.judged


def test_traffic_without_a_document_has_at_least_the_shape_of_the_sdks_model(judge):
    group = exchange("GET", f"{SUBSCRIPTION}/resourceGroups/rg-1", response={"id": "/x", "name": "rg-1", "colour": 1})
    assert "response 200 body: 'colour' is not in the document, an invented field" in said(judge, group)
    assert "response 200 body: 'location' is required" in said(judge, group)


def test_the_status_of_a_compute_operation_is_judged_by_arms_rules(judge):
    url = f"{SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/operations/1"
    assert said(judge, exchange("GET", url, response={"name": "1", "status": "Succeeded", "startTime": "now"})) == [
        "response 200 body startTime: 'now' is not a 'date-time'"
    ]
    assert said(judge, exchange("GET", url, query={"monitor": "true"}, response={"value": []})) == []


def test_the_result_of_a_compute_operation_is_judged_by_the_operation_that_began_it(judge):
    place = f"{SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/operations/1"
    body = {"commandId": "RunShellScript", "script": ["true"]}
    begun = exchange("POST", f"{VM}/runCommand", status=202, body=body)
    begun["response_headers"]["Location"] = f"https://x{place}?monitor=true&api-version=1"
    begun["response_headers"]["Azure-AsyncOperation"] = f"https://x{place}?api-version=1"
    entry_ = entry("GET", place, {"monitor": "true", "api-version": "1"}, None, 200, {"value": [{"stdout": "ok"}]})
    assert judge.judge([begun]) == []
    assert said(judge, entry_) == [
        "result of VirtualMachines_RunCommand value[0]: 'stdout' is not in the document, an invented field"
    ]
    status = {"status": "Succeeded", "properties": {"output": {"values": []}}}
    [finding] = judge.judge([entry("GET", place, {"api-version": "1"}, None, 200, status)])
    assert finding.what == "'values' is not in the document, an invented field; the document has 'value'"


def test_every_reason_for_not_judging_has_a_name_of_its_own():
    names = [one.what for one in known.UNJUDGED]
    assert len(names) == len(set(names))


def test_bodies_are_judged_whether_recorded_as_text_or_as_objects(judge):
    one = exchange("GET", LOCK, response=b'{"properties": {"level": "CanNotDelete"}}')
    assert said(judge, one) == []
    assert said(judge, {**one, "response": '{"properties": {"level": 1}}'}) != []


@pytest.mark.parametrize("label", sorted(known.ADDED))
def test_a_known_difference_names_a_definition_of_the_documents(documents, label):
    file, name = label.split("#")
    found = [path for path in documents.root.glob(f"specification/**/{file}") if "examples" not in path.parts]
    holding = [path for path in found if name in documents.load(path)["definitions"]]
    assert holding
    for path in holding:
        assert (
            not known.ADDED[label].keys() - {"data", "count"}
            & documents.load(path)["definitions"][name].get("properties", {}).keys()
        ), "the document has it already"


@pytest.mark.parametrize("label", [one for one in known.ADDED if one.partition(".")[0] in ("bms", "restorePoint")])
def test_a_property_added_to_a_document_is_one_that_todays_sdk_has(label):
    from azure.mgmt.compute import models as compute
    from azure.mgmt.recoveryservicesbackup import models as backup

    file, _, name = label.partition("#")
    model = getattr(backup if file == "bms.json" else compute, name)
    fields = {
        getattr(field, "_rest_name_input", None)
        for base in model.__mro__
        for field in vars(base).values()
        if type(field).__name__ == "_RestField"
    }
    assert known.ADDED[label].keys() <= fields


def test_the_judge_counts_what_it_judged(judge):
    judge.judge([exchange("GET", ITEM, response=item()), exchange("DELETE", LOCK)])
    assert judge.judged == {"ProtectedItems_Get": 1, "ManagementLocks_DeleteAtResourceGroupLevel": 1}


def test_without_documents_there_is_nothing_to_judge_by(tmp_path):
    documents = Documents(tmp_path)
    assert not documents.present
    assert Judge(documents).documents.operations == []
