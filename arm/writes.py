"""Every write this software can send: Microsoft's own SDK operations, one table, nothing else.

Each is started without polling; the caller gets the raw answer's status and headers and follows the operation itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import (
    AzureError as SdkError,
)
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
)

from . import senders
from .errors import Ambiguous, CredentialsRejected, NoCredentials, NotSent, Rejected
from .retry import parse_retry_after
from .session import Json, Session, error_of, first_line, forbidden

AFTER_SEND = "after send"
"""The boundary (``Runtime.reach``) at which Azure has answered a write, and nobody has read the answer."""
_PROBE = "Whether it took effect is looked up in Azure before anything else is done."


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
    send: senders.Sender

    def path(self, target: str) -> str:
        """Return the path this write goes to."""
        return target + self.suffix


def _power_operation(verb: str, suffix: str) -> WriteOperation:
    permission = f"Microsoft.Compute/virtualMachines/{suffix}/action"
    return WriteOperation(f"virtual_machines.{verb}", "POST", f"/{suffix}", (permission,), senders.power(verb))


_ITEMS = "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems"
_COLLECTIONS = "Microsoft.Compute/restorePointCollections"
OPERATIONS: dict[str, WriteOperation] = {
    operation.name: operation
    for operation in (
        WriteOperation("locks.delete", "DELETE", "", ("Microsoft.Authorization/locks/delete",), senders.delete_lock),
        WriteOperation(
            "locks.create_or_update", "PUT", "", ("Microsoft.Authorization/locks/write",), senders.create_lock
        ),
        WriteOperation(
            "restore_points.delete",
            "DELETE",
            "",
            (f"{_COLLECTIONS}/restorePoints/delete",),
            senders.delete_restore_point,
        ),
        WriteOperation(
            "restore_point_collections.delete", "DELETE", "", (f"{_COLLECTIONS}/delete",), senders.delete_collection
        ),
        WriteOperation(
            "virtual_machine_extensions.delete",
            "DELETE",
            "",
            ("Microsoft.Compute/virtualMachines/extensions/delete",),
            senders.delete_extension,
        ),
        WriteOperation("backups.trigger", "POST", "/backup", (f"{_ITEMS}/backup/action",), senders.trigger_backup),
        WriteOperation("protected_items.stop", "PUT", "", (f"{_ITEMS}/write",), senders.update_item),
        WriteOperation(
            "protected_items.resume",
            "PUT",
            "",
            (f"{_ITEMS}/write", "Microsoft.Compute/virtualMachines/write"),
            senders.update_item,
        ),
        WriteOperation(
            "protected_items.set_disks",
            "PUT",
            "",
            (f"{_ITEMS}/write", "Microsoft.Compute/virtualMachines/write"),
            senders.update_item,
        ),
        WriteOperation(
            "vaults.add_access_policy",
            "PUT",
            "/accessPolicies/add",
            ("Microsoft.KeyVault/vaults/accessPolicies/write",),
            senders.access_policy("add"),
        ),
        WriteOperation(
            "vaults.remove_access_policy",
            "PUT",
            "/accessPolicies/remove",
            ("Microsoft.KeyVault/vaults/accessPolicies/write",),
            senders.access_policy("remove"),
        ),
        WriteOperation(
            "role_assignments.create",
            "PUT",
            "",
            ("Microsoft.Authorization/roleAssignments/write",),
            senders.create_assignment,
        ),
        WriteOperation(
            "role_assignments.delete",
            "DELETE",
            "",
            ("Microsoft.Authorization/roleAssignments/delete",),
            senders.delete_assignment,
        ),
        WriteOperation("protected_items.undelete", "PUT", "", (f"{_ITEMS}/write",), senders.update_item),
        WriteOperation(
            "jobs.cancel",
            "POST",
            "/cancel",
            ("Microsoft.RecoveryServices/Vaults/backupJobs/cancel/action",),
            senders.cancel_job,
        ),
        WriteOperation(
            "run_commands.create",
            "PUT",
            "",
            ("Microsoft.Compute/virtualMachines/runCommands/write",),
            senders.create_run_command,
        ),
        WriteOperation(
            "run_commands.delete",
            "DELETE",
            "",
            ("Microsoft.Compute/virtualMachines/runCommands/delete",),
            senders.delete_run_command,
        ),
        WriteOperation(
            "virtual_machines.run_command",
            "POST",
            "/runCommand",
            ("Microsoft.Compute/virtualMachines/runCommand/action",),
            senders.run_command,
        ),
        WriteOperation(
            "tags.update",
            "PATCH",
            "/providers/Microsoft.Resources/tags/default",
            ("Microsoft.Resources/tags/write",),
            senders.update_tags,
        ),
        _power_operation("start", "start"),
        _power_operation("restart", "restart"),
        _power_operation("power_off", "powerOff"),
        _power_operation("reapply", "reapply"),
    )
}


def send(session: Session, operation: str, target: str, body: Json | None, *, until: float) -> Answer:
    """Send one write, once.

    Args:
        session: where to; its transport gets a permit for exactly this request.
        operation: name in :data:`OPERATIONS`.
        target: ARM id of what is written to.
        body: the operation's own arguments as JSON.
        until: moment of the runtime's monotonic clock after which it must not leave any more.

    Returns:
        Azure's answer; the operation it started may still be running.

    Raises:
        NotSent: certainly without effect (no connection, throttled, too late).
        Rejected: Azure refused (4xx).
        Ambiguous: it may or may not have taken effect.
        NoCredentials: there is no token to send it with.
        CredentialsRejected: Azure refused the token (401); nothing was changed.
        WriteBlocked: the transport does not allow it.
    """
    return send_one(session, OPERATIONS[operation], target, body, until=until)


def send_one(session: Session, write: WriteOperation, target: str, body: Json | None, *, until: float) -> Answer:
    """Send one write that is described by its operation itself; else as :func:`send`."""
    answers: list[Any] = []

    def heard(response: Any) -> None:
        session.runtime.reach(AFTER_SEND)
        answers.append(response.http_response)

    options = {"raw_response_hook": heard}
    with session.transport.permit(write.method, write.path(target), until):
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
