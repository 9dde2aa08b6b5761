"""Microsoft's clients on a served simulator, for the tests of the backup service."""

from __future__ import annotations

import contextlib
from datetime import timedelta

from azure.core.credentials import AccessToken
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.recoveryservices import RecoveryServicesClient
from azure.mgmt.recoveryservicesbackup import RecoveryServicesBackupClient
from azure.mgmt.resource.locks import ManagementLockClient

from simulator import Simulator, serve

VM = "Microsoft.Compute/virtualMachines"
ON_DEMAND = {"properties": {"objectType": "IaasVMBackupRequest"}}


class Bearer(SansIOHTTPPolicy):
    def on_request(self, request):
        request.http_request.headers["Authorization"] = "Bearer test"


class Credential:
    def get_token(self, *scopes, **kwargs):
        return AccessToken("test", 2**33)


class Restless(RequestsTransport):
    def sleep(self, duration):
        pass


def raw(response, _value, _headers):
    return response.http_response


def main_vm(sim):
    """The VM that the scenario is about, as compute holds it."""
    return next(vm for vm in sim.world.compute.vms.values() if vm.group == "rg-web")


class Azure:
    """One served world and the clients of whoever works with it."""

    def __init__(self, sim, server):
        self.sim, self.world, self.ready = sim, sim.world, server.ready
        self.subscription = self.world.subscription
        settings = {"base_url": server.endpoint, "polling_interval": 0, "retry_total": 0}
        self.backup, self.vaults, self.compute, self.locks = (
            kind(Credential(), self.subscription, authentication_policy=Bearer(), transport=Restless(), **settings)
            for kind in (
                RecoveryServicesBackupClient,
                RecoveryServicesClient,
                ComputeManagementClient,
                ManagementLockClient,
            )
        )
        self.vault = next(iter(self.world.recoveryservices.vaults.values()))
        self.at = (self.vault.name, self.vault.group)

    def close(self):
        for client in (self.backup, self.vaults, self.compute, self.locks):
            client.close()

    @property
    def item(self):
        return next(iter(self.vault.items.values()))

    @property
    def vm(self):
        return main_vm(self.sim)

    @property
    def path(self):
        """Vault, group, fabric, container and item, as the SDK's methods take them."""
        _, container, _, name = self.item.id.rsplit("/", 3)
        return (*self.at, "Azure", container, name)

    @property
    def restore_points(self):
        return self.world.compute.restore_points_of(self.item.vm_id)

    def advance(self, **delta):
        self.sim.advance(timedelta(**delta))

    def unlock(self):
        """Delete every lock, as a human in the portal would."""
        for lock in list(self.world.authorization.locks):
            self.world.authorization.remove_lock(lock)

    def get_item(self, **options):
        return self.backup.protected_items.get(*self.path, **options).properties

    def put_item(self, **properties):
        body = {"protectedItemType": VM, "sourceResourceId": self.item.vm_id, **properties}
        return self.backup.protected_items.begin_create_or_update(*self.path, {"properties": body})

    def trigger(self, **properties):
        """Start an on-demand backup and return the final status of its operation."""
        body = {"properties": {**ON_DEMAND["properties"], **properties}}
        return self.follow(self.backup.backups.trigger(*self.path, body, cls=raw))

    def follow(self, response):
        """Ask the vault about the operation until it has ended."""
        assert response.status_code == 202
        operation = response.headers["Azure-AsyncOperation"].split("?")[0].rsplit("/", 1)[-1]
        status = self.backup.backup_operation_statuses.get(*self.at, operation)
        while status.status == "InProgress":
            status = self.backup.backup_operation_statuses.get(*self.at, operation)
        return status

    def job(self, job_id):
        return self.backup.job_details.get(*self.at, job_id).properties

    def finished(self, job_id):
        """Look at a job until it has ended."""
        job = self.job(job_id)
        while job.status in ("InProgress", "Cancelling"):
            job = self.job(job_id)
        return job

    def back_up(self):
        """Run an on-demand backup to its end and return its job."""
        return self.finished(self.trigger().properties.job_id)

    def jobs(self, filter=None):  # noqa: A002
        return list(self.backup.backup_jobs.list(*self.at, filter=filter))

    def recovery_points(self, filter=None):  # noqa: A002
        return list(self.backup.recovery_points.list(*self.path, filter=filter))

    def code_of(self, job):
        return job.extended_info.dynamic_error_message


@contextlib.contextmanager
def azure(scenario="rp-collection-limit", vm="web-01"):
    sim = Simulator(scenario, vm=vm)
    with serve(sim) as server:
        client = Azure(sim, server)
        try:
            yield client
        finally:
            client.close()
