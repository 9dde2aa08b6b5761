"""Path templates of Recovery Services, as in Microsoft's OpenAPI documents."""

from __future__ import annotations

from simulator.routes import Route

from . import handlers

_S = "/subscriptions/{subscriptionId}"
_G = f"{_S}/resourceGroups/{{resourceGroupName}}"
_VAULTS = "providers/Microsoft.RecoveryServices/vaults"
_V = f"{_G}/{_VAULTS}/{{vaultName}}"
_F = f"{_V}/backupFabrics/{{fabricName}}"
_I = f"{_F}/protectionContainers/{{containerName}}/protectedItems/{{protectedItemName}}"
_A = "Microsoft.RecoveryServices/Vaults"
_AI = f"{_A}/backupFabrics/protectionContainers/protectedItems"

_READS = (
    (f"{_S}/{_VAULTS}", handlers.list_vaults, f"{_A}/read"),
    (f"{_G}/{_VAULTS}", handlers.list_vaults_of_group, f"{_A}/read"),
    (_V, handlers.get_vault, f"{_A}/read"),
    (f"{_V}/backupconfig/vaultconfig", handlers.get_vault_config, f"{_A}/backupconfig/read"),
    (f"{_V}/backupResourceGuardProxies", handlers.list_guard_proxies, f"{_A}/backupResourceGuardProxies/read"),
    (
        f"{_V}/backupResourceGuardProxies/{{resourceGuardProxyName}}",
        handlers.get_guard_proxy,
        f"{_A}/backupResourceGuardProxies/read",
    ),
    (f"{_V}/backupPolicies", handlers.list_policies, f"{_A}/backupPolicies/read"),
    (f"{_V}/backupPolicies/{{policyName}}", handlers.get_policy, f"{_A}/backupPolicies/read"),
    (f"{_V}/backupProtectionContainers", handlers.list_containers, f"{_A}/backupProtectionContainers/read"),
    (f"{_V}/backupProtectedItems", handlers.list_items, f"{_A}/backupProtectedItems/read"),
    (f"{_V}/backupJobs", handlers.list_jobs, f"{_A}/backupJobs/read"),
    (f"{_V}/backupJobs/{{jobName}}", handlers.get_job, f"{_A}/backupJobs/read"),
    (
        f"{_V}/backupJobs/{{jobName}}/operationResults/{{operationId}}",
        handlers.operation_result,
        f"{_A}/backupJobs/operationResults/read",
    ),
    (f"{_V}/backupOperations/{{operationId}}", handlers.operation_status, f"{_A}/backupOperations/read"),
    (f"{_V}/backupOperationResults/{{operationId}}", handlers.operation_result, f"{_A}/backupOperationResults/read"),
    (
        f"{_F}/operationsStatus/{{operationId}}",
        handlers.operation_status,
        f"{_A}/backupFabrics/operationsStatus/read",
    ),
    (
        f"{_F}/operationResults/{{operationId}}",
        handlers.operation_result,
        f"{_A}/backupFabrics/operationResults/read",
    ),
    (_I, handlers.get_item, f"{_AI}/read"),
    (f"{_I}/operationsStatus/{{operationId}}", handlers.operation_status, f"{_AI}/operationsStatus/read"),
    (f"{_I}/operationResults/{{operationId}}", handlers.operation_result, f"{_AI}/operationResults/read"),
    (f"{_I}/recoveryPoints", handlers.list_recovery_points, f"{_AI}/recoveryPoints/read"),
    (f"{_I}/recoveryPoints/{{recoveryPointId}}", handlers.get_recovery_point, f"{_AI}/recoveryPoints/read"),
)

_WRITES = (
    ("PUT", _I, handlers.put_item, f"{_AI}/write"),
    ("DELETE", _I, handlers.delete_item, f"{_AI}/delete"),
    ("POST", f"{_I}/backup", handlers.trigger_backup, f"{_AI}/backup/action"),
    ("POST", f"{_V}/backupJobs/{{jobName}}/cancel", handlers.cancel_job, f"{_A}/backupJobs/cancel/action"),
    ("POST", f"{_F}/refreshContainers", handlers.refresh_containers, f"{_A}/backupFabrics/refreshContainers/action"),
    (
        "POST",
        f"{_V}/backupResourceGuardProxies/{{resourceGuardProxyName}}/unlockDelete",
        handlers.unlock_delete,
        f"{_A}/backupResourceGuardProxies/unlockDelete/action",
    ),
)

ROUTES: tuple[Route, ...] = (
    *(Route("GET", template, handler, action) for template, handler, action in _READS),
    *(Route(method, template, handler, action, write=True) for method, template, handler, action in _WRITES),
    Route(
        "POST",
        "/Subscriptions/{subscriptionId}/providers/Microsoft.RecoveryServices/locations/{azureRegion}/backupStatus",
        handlers.backup_status,
        "Microsoft.RecoveryServices/locations/backupStatus/action",
    ),
)
