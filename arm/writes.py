"""Every write this software can send: Microsoft's own SDK operations, one table, nothing else.

Each is started without polling; the caller gets the raw answer's status and headers and follows the operation itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from azure.core.exceptions import (
    AzureError as SdkError,
)
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
)

from .errors import Ambiguous, CredentialsRejected, NoCredentials, NotSent, Rejected
from .facts.times import iso
from .ids import parse
from .retry import parse_retry_after
from .session import Json, Session, error_of, first_line, forbidden

LOCK_API = "2020-05-01"
KEY_VAULT_API = "2023-07-01"
ROLE_API = "2022-04-01"
_PROBE = "Whether it took effect is looked up in Azure before anything else is done."

Sender = Callable[..., Any]


@dataclass(frozen=True)
class Answer:
    """Azure's answer to a write it accepted."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class WriteOperation:
    """One write: how it looks on the wire and what it needs.

    Attributes:
        name: client and method of the SDK, as ``azure-operations`` lists them.
        method: HTTP method.
        suffix: what the path adds to the target's id.
        permissions: RBAC actions the identity needs.
        send: calls the SDK with (session, target id, body, further SDK arguments).
    """

    name: str
    method: str
    suffix: str
    permissions: tuple[str, ...]
    send: Callable[[Session, str, Json, Json], Any]

    def path(self, target: str) -> str:
        """Return the path this write goes to."""
        return target + self.suffix


def _item_arguments(item_id: str) -> tuple[str, str, str, str, str]:
    """Return vault, group, fabric, container and item, in the order the backup client wants them."""
    parsed = parse(item_id)
    vault, fabric, container, item = parsed.names
    return vault, parsed.resource_group, fabric, container, item


def _delete_lock(session: Session, lock_id: str, _body: Json, options: Json) -> Any:
    client = session.resource(lock_id.split("/")[2])
    return client.resources.begin_delete_by_id(lock_id.strip("/"), api_version=LOCK_API, polling=False, **options)


def _create_lock(session: Session, lock_id: str, body: Json, options: Json) -> Any:
    client = session.resource(lock_id.split("/")[2])
    return client.resources.begin_create_or_update_by_id(
        lock_id.strip("/"), cast("Any", body), api_version=LOCK_API, polling=False, **options
    )


def _delete_restore_point(session: Session, point_id: str, _body: Json, options: Json) -> Any:
    parsed = parse(point_id)
    client = session.compute(parsed.subscription)
    return client.restore_points.begin_delete(parsed.resource_group, *parsed.names, polling=False, **options)


def _delete_collection(session: Session, collection_id: str, _body: Json, options: Json) -> Any:
    parsed = parse(collection_id)
    client = session.compute(parsed.subscription)
    return client.restore_point_collections.begin_delete(parsed.resource_group, parsed.name, polling=False, **options)


def _delete_extension(session: Session, extension_id: str, _body: Json, options: Json) -> Any:
    parsed = parse(extension_id)
    client = session.compute(parsed.subscription)
    return client.virtual_machine_extensions.begin_delete(
        parsed.resource_group, *parsed.names, polling=False, **options
    )


def _trigger_backup(session: Session, item_id: str, body: Json, options: Json) -> Any:
    expiry = session.azure_now() + timedelta(days=int(body["retention_days"]))
    request: Any = {"properties": {"objectType": "IaasVMBackupRequest", "recoveryPointExpiryTimeInUTC": iso(expiry)}}
    client = session.backup(parse(item_id).subscription)
    return client.backups.trigger(*_item_arguments(item_id), request, **options)


def _update_item(session: Session, item_id: str, body: Json, options: Json) -> Any:
    client = session.backup(parse(item_id).subscription)
    return client.protected_items.begin_create_or_update(
        *_item_arguments(item_id), cast("Any", {"properties": body}), polling=False, **options
    )


def _power(verb: str) -> Callable[[Session, str, Json, Json], Any]:
    """Return the sender of one of the actions on a VM, by its name in the SDK."""

    def send_it(session: Session, vm_id: str, _body: Json, options: Json) -> Any:
        parsed = parse(vm_id)
        machines = session.compute(parsed.subscription).virtual_machines
        begin: Sender = getattr(machines, f"begin_{verb}")
        return begin(parsed.resource_group, parsed.name, polling=False, **options)

    return send_it


def _power_operation(verb: str, suffix: str) -> WriteOperation:
    permission = f"Microsoft.Compute/virtualMachines/{suffix}/action"
    return WriteOperation(f"virtual_machines.{verb}", "POST", f"/{suffix}", (permission,), _power(verb))


def _create_run_command(session: Session, command_id: str, body: Json, options: Json) -> Any:
    parsed = parse(command_id)
    client = session.compute(parsed.subscription)
    properties = {
        "source": {"script": body["script"]},
        "timeoutInSeconds": int(body["seconds"]),
        "asyncExecution": False,
        "treatFailureAsDeploymentFailure": False,  # the script's own answer says how it went
    }
    command: Any = {"location": body["location"], "properties": properties}
    vm, name = parsed.names
    commands = client.virtual_machine_run_commands
    return commands.begin_create_or_update(parsed.resource_group, vm, name, command, polling=False, **options)


def _delete_run_command(session: Session, command_id: str, _body: Json, options: Json) -> Any:
    parsed = parse(command_id)
    commands = session.compute(parsed.subscription).virtual_machine_run_commands
    return commands.begin_delete(parsed.resource_group, *parsed.names, polling=False, **options)


def _run_command(session: Session, vm_id: str, body: Json, options: Json) -> Any:
    """Send a run command of the first kind, where Azure has no managed ones."""
    parsed = parse(vm_id)
    command = "RunPowerShellScript" if body["os"] == "windows" else "RunShellScript"
    request: Any = {"commandId": command, "script": str(body["script"]).split("\n")}
    machines = session.compute(parsed.subscription).virtual_machines
    return machines.begin_run_command(parsed.resource_group, parsed.name, request, polling=False, **options)


def _cancel_job(session: Session, job_id: str, _body: Json, options: Json) -> Any:
    parsed = parse(job_id)
    vault, job = parsed.names
    client = session.backup(parsed.subscription)
    return client.job_cancellations.trigger(vault, parsed.resource_group, job, **options)


def _access_policy(kind: str) -> Callable[[Session, str, Json, Json], Any]:
    """Return the sender of a change to a key vault's access policies: ``add`` merges, ``remove`` takes out."""

    def send_it(session: Session, vault_id: str, body: Json, options: Json) -> Any:
        path = f"{vault_id.strip('/')}/accessPolicies/{kind}"
        client = session.resource(parse(vault_id).subscription)
        return client.resources.begin_create_or_update_by_id(
            path, cast("Any", body), api_version=KEY_VAULT_API, polling=False, **options
        )

    return send_it


def _create_assignment(session: Session, assignment_id: str, body: Json, options: Json) -> Any:
    client = session.resource(assignment_id.split("/")[2])
    return client.resources.begin_create_or_update_by_id(
        assignment_id.strip("/"), cast("Any", body), api_version=ROLE_API, polling=False, **options
    )


def _delete_assignment(session: Session, assignment_id: str, _body: Json, options: Json) -> Any:
    client = session.resource(assignment_id.split("/")[2])
    return client.resources.begin_delete_by_id(assignment_id.strip("/"), api_version=ROLE_API, polling=False, **options)


_ITEMS = "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems"
_COLLECTIONS = "Microsoft.Compute/restorePointCollections"
OPERATIONS: dict[str, WriteOperation] = {
    operation.name: operation
    for operation in (
        WriteOperation("locks.delete", "DELETE", "", ("Microsoft.Authorization/locks/delete",), _delete_lock),
        WriteOperation("locks.create_or_update", "PUT", "", ("Microsoft.Authorization/locks/write",), _create_lock),
        WriteOperation(
            "restore_points.delete", "DELETE", "", (f"{_COLLECTIONS}/restorePoints/delete",), _delete_restore_point
        ),
        WriteOperation(
            "restore_point_collections.delete", "DELETE", "", (f"{_COLLECTIONS}/delete",), _delete_collection
        ),
        WriteOperation(
            "virtual_machine_extensions.delete",
            "DELETE",
            "",
            ("Microsoft.Compute/virtualMachines/extensions/delete",),
            _delete_extension,
        ),
        WriteOperation("backups.trigger", "POST", "/backup", (f"{_ITEMS}/backup/action",), _trigger_backup),
        WriteOperation("protected_items.stop", "PUT", "", (f"{_ITEMS}/write",), _update_item),
        WriteOperation(
            "protected_items.resume",
            "PUT",
            "",
            (f"{_ITEMS}/write", "Microsoft.Compute/virtualMachines/write"),
            _update_item,
        ),
        WriteOperation(
            "protected_items.set_disks",
            "PUT",
            "",
            (f"{_ITEMS}/write", "Microsoft.Compute/virtualMachines/write"),
            _update_item,
        ),
        WriteOperation(
            "vaults.add_access_policy",
            "PUT",
            "/accessPolicies/add",
            ("Microsoft.KeyVault/vaults/accessPolicies/write",),
            _access_policy("add"),
        ),
        WriteOperation(
            "vaults.remove_access_policy",
            "PUT",
            "/accessPolicies/remove",
            ("Microsoft.KeyVault/vaults/accessPolicies/write",),
            _access_policy("remove"),
        ),
        WriteOperation(
            "role_assignments.create",
            "PUT",
            "",
            ("Microsoft.Authorization/roleAssignments/write",),
            _create_assignment,
        ),
        WriteOperation(
            "role_assignments.delete",
            "DELETE",
            "",
            ("Microsoft.Authorization/roleAssignments/delete",),
            _delete_assignment,
        ),
        WriteOperation("protected_items.undelete", "PUT", "", (f"{_ITEMS}/write",), _update_item),
        WriteOperation(
            "jobs.cancel",
            "POST",
            "/cancel",
            ("Microsoft.RecoveryServices/Vaults/backupJobs/cancel/action",),
            _cancel_job,
        ),
        WriteOperation(
            "run_commands.create",
            "PUT",
            "",
            ("Microsoft.Compute/virtualMachines/runCommands/write",),
            _create_run_command,
        ),
        WriteOperation(
            "run_commands.delete",
            "DELETE",
            "",
            ("Microsoft.Compute/virtualMachines/runCommands/delete",),
            _delete_run_command,
        ),
        WriteOperation(
            "virtual_machines.run_command",
            "POST",
            "/runCommand",
            ("Microsoft.Compute/virtualMachines/runCommand/action",),
            _run_command,
        ),
        _power_operation("start", "start"),
        _power_operation("restart", "restart"),
        _power_operation("power_off", "powerOff"),
        _power_operation("reapply", "reapply"),
    )
}


def send(session: Session, operation: str, target: str, body: Json | None) -> Answer:
    """Send one write, once.

    Args:
        session: where to; its transport gets a permit for exactly this request.
        operation: name in :data:`OPERATIONS`.
        target: ARM id of what is written to.
        body: the operation's own arguments as JSON.

    Returns:
        Azure's answer; the operation it started may still be running.

    Raises:
        NotSent: certainly without effect (no connection, throttled).
        Rejected: Azure refused (4xx).
        Ambiguous: it may or may not have taken effect.
        NoCredentials: there is no token to send it with.
        CredentialsRejected: Azure refused the token (401); nothing was changed.
        WriteBlocked: the transport does not allow it.
    """
    write = OPERATIONS[operation]
    answers: list[Any] = []
    options = {"raw_response_hook": lambda response: answers.append(response.http_response)}
    with session.transport.permit(write.method, write.path(target)):
        try:
            write.send(session, target, dict(body or {}), options)
        except HttpResponseError as error:
            if isinstance(error, ClientAuthenticationError) and error.response is None:
                raise NoCredentials(first_line(error), "Sign in again; nothing was sent.") from error
            raise (_lost(error, write, target) if error.response is None else _refused(error, write, target)) from error
        except ServiceRequestError as error:
            raise _connection(error, write, target) from error
        except (SdkError, ValueError) as error:  # reset, timeout, no JSON: the effect may be there
            raise _lost(error, write, target) from error
    answer = answers[-1]
    if "html" in answer.headers.get("Content-Type", "").lower():
        raise Ambiguous(f"{write.method} {target} was answered with a web page, perhaps by a proxy", _PROBE)
    return Answer(answer.status_code, answer.headers)


def _lost(error: Exception, write: WriteOperation, target: str) -> Ambiguous:
    return Ambiguous(f"{write.method} {target} was sent; its answer was lost: {first_line(error)}", _PROBE)


_NEVER_CONNECTED = ("NewConnectionError", "ConnectTimeoutError", "ConnectTimeout", "SSLCertVerificationError")


def _connection(error: ServiceRequestError, write: WriteOperation, target: str) -> NotSent | Ambiguous:
    """Tell "never connected" from "connected and cut off": azure-core uses one class for both."""
    if any(base.__name__ in _NEVER_CONNECTED for cause in _causes(error) for base in type(cause).__mro__):
        return NotSent(
            f"no connection for {write.method} {target}: {first_line(error)}", "Check the network, then resume."
        )
    return Ambiguous(f"{write.method} {target} was cut off: {first_line(error)}", _PROBE)


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and all that it came from, wherever azure-core, requests and urllib3 keep it."""
    found = [error]
    for one in found:
        inner = (getattr(one, "inner_exception", None), getattr(one, "reason", None), one.__cause__, one.__context__)
        found += [
            cause
            for cause in (*inner, *one.args)
            if isinstance(cause, BaseException) and all(cause is not known for known in found)
        ]
    return found


def _refused(error: HttpResponseError, write: WriteOperation, target: str) -> NotSent | Rejected | Ambiguous:
    status = error.status_code or 0
    response: Any = error.response
    code, message = error_of(response.content if response is not None else b"")
    text = f"{code}: {message}" if code else f"HTTP {status}"
    if status == 429:
        hint = parse_retry_after(response.headers.get("Retry-After"))
        return NotSent(
            f"Azure is throttling {write.method} {target}: {text}", "Resume in a few minutes.", retry_after=hint
        )
    if status == 401:
        raise CredentialsRejected(f"Azure refused the credentials for {target}: {text}", "Sign in again, then resume.")
    if status == 403:
        refusal = forbidden(text, target)
        return Rejected(refusal.message, refusal.next_step, azure_code=code or "Forbidden", status=status)
    if 400 <= status < 500 and status != 408:
        step = "Read Azure's message; nothing was changed by this request."
        return Rejected(f"Azure refused {write.method} {target}: {text}", step, azure_code=code, status=status)
    return Ambiguous(f"{write.method} {target} was answered with HTTP {status}: {text}", _PROBE)
