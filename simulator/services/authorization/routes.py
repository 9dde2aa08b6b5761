"""Path templates of locks, permissions, roles and policies."""

from __future__ import annotations

from simulator.routes import Route

from . import handlers, rolehandlers

_LOCKS = "/{scope}/providers/Microsoft.Authorization/locks"
_LOCK = _LOCKS + "/{lockName}"
_A = "Microsoft.Authorization"
_TENANT = f"/providers/{_A}"
_SCOPED = f"/{{scope}}/providers/{_A}"
_ASSIGNMENT = _SCOPED + "/roleAssignments/{roleAssignmentName}"
_POLICY = _SCOPED + "/policyAssignments/{policyAssignmentName}"
_POLICY_DEFINITION = f"/subscriptions/{{subscriptionId}}/providers/{_A}/policyDefinitions/{{policyDefinitionName}}"

ROUTES: tuple[Route, ...] = (
    Route("GET", _LOCKS, handlers.list_locks, "Microsoft.Authorization/locks/read"),
    Route("GET", _LOCK, handlers.get_lock, "Microsoft.Authorization/locks/read"),
    Route("PUT", _LOCK, handlers.put_lock, "Microsoft.Authorization/locks/write", write=True, lock_checked=False),
    Route(
        "DELETE", _LOCK, handlers.delete_lock, "Microsoft.Authorization/locks/delete", write=True, lock_checked=False
    ),
    Route(
        "GET",
        "/{scope}/providers/Microsoft.Authorization/permissions",
        handlers.list_permissions,
        "Microsoft.Authorization/permissions/read",
    ),
    Route("GET", _SCOPED + "/roleAssignments", rolehandlers.list_assignments, f"{_A}/roleAssignments/read"),
    Route("GET", _ASSIGNMENT, rolehandlers.get_assignment, f"{_A}/roleAssignments/read"),
    Route("PUT", _ASSIGNMENT, rolehandlers.put_assignment, f"{_A}/roleAssignments/write", write=True),
    Route("DELETE", _ASSIGNMENT, rolehandlers.delete_assignment, f"{_A}/roleAssignments/delete", write=True),
    Route("GET", _SCOPED + "/roleDefinitions", rolehandlers.list_definitions, f"{_A}/roleDefinitions/read"),
    Route("GET", _TENANT + "/roleDefinitions", rolehandlers.list_definitions, f"{_A}/roleDefinitions/read"),
    *(
        Route(
            "GET",
            base + "/roleDefinitions/{roleDefinitionId}",
            rolehandlers.get_definition,
            f"{_A}/roleDefinitions/read",
        )
        for base in (_SCOPED, _TENANT)
    ),
    Route(
        "PUT",
        _SCOPED + "/roleDefinitions/{roleDefinitionId}",
        rolehandlers.put_definition,
        f"{_A}/roleDefinitions/write",
        write=True,
    ),
    Route(
        "DELETE",
        _SCOPED + "/roleDefinitions/{roleDefinitionId}",
        rolehandlers.delete_definition,
        f"{_A}/roleDefinitions/delete",
        write=True,
    ),
    Route("GET", _SCOPED + "/policyAssignments", rolehandlers.list_policy_assignments, f"{_A}/policyAssignments/read"),
    Route("GET", _POLICY, rolehandlers.get_policy_assignment, f"{_A}/policyAssignments/read"),
    Route("DELETE", _POLICY, rolehandlers.delete_policy_assignment, f"{_A}/policyAssignments/delete", write=True),
    Route("GET", _POLICY_DEFINITION, rolehandlers.get_policy_definition, f"{_A}/policyDefinitions/read"),
)
