"""How each write calls Microsoft's own SDK: one function for each, nothing else is called that writes.

Each takes the session, the target's id, the body and further arguments for the SDK, and starts without polling.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

from .facts.times import iso
from .ids import parse
from .session import Json, Session

LOCK_API = "2020-05-01"
KEY_VAULT_API = "2023-07-01"
ROLE_API = "2022-04-01"
Sender = Callable[[Session, str, Json, Json], Any]
"""Called with (session, target id, body, further SDK arguments)."""


def _item_arguments(item_id: str) -> tuple[str, str, str, str, str]:
    """Return vault, group, fabric, container and item, in the order the backup client wants them."""
    parsed = parse(item_id)
    vault, fabric, container, item = parsed.names
    return vault, parsed.resource_group, fabric, container, item


def delete_lock(session: Session, lock_id: str, _body: Json, options: Json) -> Any:
    """Delete a management lock."""
    client = session.resource(lock_id.split("/")[2])
    return client.resources.begin_delete_by_id(lock_id.strip("/"), api_version=LOCK_API, polling=False, **options)


def create_lock(session: Session, lock_id: str, body: Json, options: Json) -> Any:
    """Create or replace a management lock."""
    client = session.resource(lock_id.split("/")[2])
    return client.resources.begin_create_or_update_by_id(
        lock_id.strip("/"), cast("Any", body), api_version=LOCK_API, polling=False, **options
    )


def delete_restore_point(session: Session, point_id: str, _body: Json, options: Json) -> Any:
    """Delete one restore point."""
    parsed = parse(point_id)
    client = session.compute(parsed.subscription)
    return client.restore_points.begin_delete(parsed.resource_group, *parsed.names, polling=False, **options)


def delete_collection(session: Session, collection_id: str, _body: Json, options: Json) -> Any:
    """Delete a restore point collection with its points."""
    parsed = parse(collection_id)
    client = session.compute(parsed.subscription)
    return client.restore_point_collections.begin_delete(parsed.resource_group, parsed.name, polling=False, **options)


def delete_extension(session: Session, extension_id: str, _body: Json, options: Json) -> Any:
    """Delete a VM extension."""
    parsed = parse(extension_id)
    client = session.compute(parsed.subscription)
    return client.virtual_machine_extensions.begin_delete(
        parsed.resource_group, *parsed.names, polling=False, **options
    )


def trigger_backup(session: Session, item_id: str, body: Json, options: Json) -> Any:
    """Start an on-demand backup."""
    expiry = session.azure_now() + timedelta(days=int(body["retention_days"]))
    request: Any = {"properties": {"objectType": "IaasVMBackupRequest", "recoveryPointExpiryTimeInUTC": iso(expiry)}}
    client = session.backup(parse(item_id).subscription)
    return client.backups.trigger(*_item_arguments(item_id), request, **options)


def update_item(session: Session, item_id: str, body: Json, options: Json) -> Any:
    """Change a protected item: stop, resume, undelete, choose disks."""
    client = session.backup(parse(item_id).subscription)
    return client.protected_items.begin_create_or_update(
        *_item_arguments(item_id), cast("Any", {"properties": body}), polling=False, **options
    )


def power(verb: str) -> Sender:
    """Return the sender of one of the actions on a VM, by its name in the SDK."""

    def send_it(session: Session, vm_id: str, _body: Json, options: Json) -> Any:
        parsed = parse(vm_id)
        machines = session.compute(parsed.subscription).virtual_machines
        begin: Callable[..., Any] = getattr(machines, f"begin_{verb}")
        return begin(parsed.resource_group, parsed.name, polling=False, **options)

    return send_it


def create_run_command(session: Session, command_id: str, body: Json, options: Json) -> Any:
    """Create a managed run command, which runs its script."""
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


def delete_run_command(session: Session, command_id: str, _body: Json, options: Json) -> Any:
    """Delete a managed run command."""
    parsed = parse(command_id)
    commands = session.compute(parsed.subscription).virtual_machine_run_commands
    return commands.begin_delete(parsed.resource_group, *parsed.names, polling=False, **options)


def run_command(session: Session, vm_id: str, body: Json, options: Json) -> Any:
    """Send a run command of the first kind, where Azure has no managed ones."""
    parsed = parse(vm_id)
    command = "RunPowerShellScript" if body["os"] == "windows" else "RunShellScript"
    request: Any = {"commandId": command, "script": str(body["script"]).split("\n")}
    machines = session.compute(parsed.subscription).virtual_machines
    return machines.begin_run_command(parsed.resource_group, parsed.name, request, polling=False, **options)


def cancel_job(session: Session, job_id: str, _body: Json, options: Json) -> Any:
    """Cancel a backup job."""
    parsed = parse(job_id)
    vault, job = parsed.names
    client = session.backup(parsed.subscription)
    return client.job_cancellations.trigger(vault, parsed.resource_group, job, **options)


def access_policy(kind: str) -> Sender:
    """Return the sender of a change to a key vault's access policies: ``add`` merges, ``remove`` takes out."""

    def send_it(session: Session, vault_id: str, body: Json, options: Json) -> Any:
        path = f"{vault_id.strip('/')}/accessPolicies/{kind}"
        client = session.resource(parse(vault_id).subscription)
        return client.resources.begin_create_or_update_by_id(
            path, cast("Any", body), api_version=KEY_VAULT_API, polling=False, **options
        )

    return send_it


def create_assignment(session: Session, assignment_id: str, body: Json, options: Json) -> Any:
    """Create a role assignment."""
    client = session.resource(assignment_id.split("/")[2])
    return client.resources.begin_create_or_update_by_id(
        assignment_id.strip("/"), cast("Any", body), api_version=ROLE_API, polling=False, **options
    )


def delete_assignment(session: Session, assignment_id: str, _body: Json, options: Json) -> Any:
    """Delete a role assignment."""
    client = session.resource(assignment_id.split("/")[2])
    return client.resources.begin_delete_by_id(assignment_id.strip("/"), api_version=ROLE_API, polling=False, **options)


def update_tags(session: Session, resource_id: str, body: Json, options: Json) -> Any:
    """Send tags that are added or removed one by one; all others stay as they are."""
    client = session.resource(parse(resource_id).subscription)
    request: Any = {"operation": body["operation"], "properties": {"tags": body["tags"]}}
    return client.tags.begin_update_at_scope(resource_id.strip("/"), request, polling=False, **options)
