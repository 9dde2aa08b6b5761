"""The main scenario with one of everything else in it, and a process that serves it to the Azure CLI."""

from __future__ import annotations

from dataclasses import replace

from simulator import Simulator, serve
from simulator.app import find_scenario
from simulator.scenarios.stage import Stage
from simulator.services.inventory import network
from simulator.services.inventory.state import ENCRYPTION_SET

MAIN = find_scenario("rp-collection-limit")


def furnish(stage: Stage) -> None:
    MAIN.set_up(stage)
    stage.storage_account().key_vault().sql_machine().rule("deny-internet")
    stage.policy_denial("tagged", "Groups need a tag", {"field": "tags['env']", "exists": "false"})
    stage.world.inventory.add(
        ENCRYPTION_SET, stage.vm.group, "des", {"encryptionType": "EncryptionAtRestWithCustomerKey"}
    )
    stage.world.inventory.add(network.ADDRESS, stage.vm.group, "ip", {"publicIPAllocationMethod": "Static"})


FURNISHED = replace(MAIN, set_up=furnish)

if __name__ == "__main__":
    with serve(Simulator(FURNISHED), 0, tls=True) as server:
        server.wait(lambda: print(server.ready_line(), flush=True))
