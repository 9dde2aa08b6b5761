from __future__ import annotations

from datetime import timedelta

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.compute import ComputeManagementClient

from simulator.guest import linux_room
from simulator.services.compute.inside import furnish
from simulator.services.compute.model import Misbehaviour

SUB = "22222222-2222-4222-8222-222222222222"
pytestmark = pytest.mark.skipif(bool(linux_room.reason_not_to()), reason=linux_room.reason_not_to())


@pytest.fixture
def compute(client):
    return client(ComputeManagementClient, SUB)


@pytest.fixture
def commands(compute):
    return compute.virtual_machine_run_commands


def managed(script, **properties):
    return {"location": "westeurope", "properties": {"source": {"script": script}, **properties}}


@pytest.fixture
def view(commands):
    def read(name="probe", vm="web-01"):
        return commands.get_by_virtual_machine("rg-web", vm, name, expand="instanceView").instance_view

    return read


@pytest.fixture
def run(commands, view):
    def start(script, **properties):
        commands.begin_create_or_update("rg-web", "web-01", "probe", managed(script, **properties)).result()
        return view()

    return start


# Managed run commands


def test_a_managed_run_command_really_runs_and_gives_its_exit_code(run):
    seen = run('echo "$(id -u) here"; echo trouble >&2; exit 3')
    assert (seen.execution_state, seen.exit_code, seen.output, seen.error) == ("Failed", 3, "0 here\n", "trouble\n")
    assert seen.end_time > seen.start_time


def test_what_a_script_changes_is_there_for_the_next_one(run):
    assert run("echo kept >/etc/kept").execution_state == "Succeeded"
    assert run("cat /etc/kept").output == "kept\n"


def test_output_and_errors_are_cut_to_their_last_4096_bytes_each(run):
    seen = run("seq 100000 102000; seq 200000 202000 >&2")
    assert len(seen.output) == len(seen.error) == 4096
    assert seen.output.endswith("\n102000\n")
    assert seen.error.endswith("\n202000\n")


def test_output_is_cut_by_bytes_even_within_a_letter(run):
    seen = run("i=0; while [ $i -lt 2100 ]; do printf '\\303\\244'; i=$((i + 1)); done; printf x")
    assert len(seen.output.encode()) == 4095
    assert seen.output == "ä" * 2047 + "x"


def test_there_is_no_instance_view_unless_it_is_asked_for(commands, run):
    run("true")
    assert commands.get_by_virtual_machine("rg-web", "web-01", "probe").instance_view is None
    assert [one.instance_view for one in commands.list_by_virtual_machine("rg-web", "web-01")] == [None]
    (listed,) = commands.list_by_virtual_machine("rg-web", "web-01", expand="instanceView")
    assert listed.instance_view.execution_state == "Succeeded"


def test_protected_parameters_are_never_given_back(commands, run):
    run("true", protectedParameters=[{"name": "k", "value": "v"}])
    assert commands.get_by_virtual_machine("rg-web", "web-01", "probe").protected_parameters is None


def test_a_managed_run_command_is_pending_then_running_then_has_ended(sim, ask, vm_path):
    url = f"{vm_path}/runCommands/probe?$expand=instanceView"
    accepted = ask("PUT", f"{vm_path}/runCommands/probe", managed("sleep 100"))
    assert accepted.status == 201

    def state():
        properties = ask("GET", url).body["properties"]
        return properties["provisioningState"], properties["instanceView"]["executionState"]

    assert state() == ("Creating", "Pending")
    sim.advance(timedelta(seconds=20))
    assert state() == ("Creating", "Running")
    assert "exitCode" not in ask("GET", url).body["properties"]["instanceView"]
    sim.advance(timedelta(seconds=110))
    assert state() == ("Succeeded", "Succeeded")
    assert ask.follow(accepted).body["status"] == "Succeeded"


def test_a_script_that_sleeps_past_its_limit_is_timed_out(run):
    seen = run("echo begun; sleep 500; echo never", timeoutInSeconds=120)
    assert (seen.execution_state, seen.exit_code, seen.output) == ("TimedOut", None, "begun\n")
    assert (seen.end_time - seen.start_time).total_seconds() == 120 + 15


def test_a_script_that_blocks_is_stopped_after_a_short_real_time_and_timed_out(sim, vm, run):
    furnish(sim.world, vm, {"patience": 0.3})
    assert run("while :; do :; done", timeoutInSeconds=600).execution_state == "TimedOut"


def test_without_waiting_provisioning_ends_when_the_script_starts(sim, ask, vm_path):
    ask.follow(ask("PUT", f"{vm_path}/runCommands/probe", managed("sleep 400; exit 2", asyncExecution=True)))
    body = ask("GET", f"{vm_path}/runCommands/probe?$expand=instanceView").body["properties"]
    assert (body["provisioningState"], body["instanceView"]["executionState"]) == ("Succeeded", "Running")
    sim.advance(timedelta(minutes=10))
    body = ask("GET", f"{vm_path}/runCommands/probe?$expand=instanceView").body["properties"]
    assert (body["provisioningState"], body["instanceView"]["executionState"]) == ("Succeeded", "Failed")


def test_a_failed_script_fails_the_deployment_only_where_that_was_asked(commands, run, view):
    assert run("exit 1").execution_state == "Failed"
    with pytest.raises(HttpResponseError) as raised:
        run("exit 1", treatFailureAsDeploymentFailure=True)
    assert raised.value.error.code == "VMRunCommandExecutionFailed"
    assert view().exit_code == 1
    assert commands.get_by_virtual_machine("rg-web", "web-01", "probe").provisioning_state == "Failed"


def test_several_managed_run_commands_run_at_a_time(ask, vm_path):
    first = ask("PUT", f"{vm_path}/runCommands/one", managed("echo 1"))
    second = ask("PUT", f"{vm_path}/runCommands/two", managed("echo 2"))
    assert [ask.follow(one).body["status"] for one in (first, second)] == ["Succeeded", "Succeeded"]


def test_deleting_one_that_runs_cancels_it(sim, ask, vm_path):
    accepted = ask("PUT", f"{vm_path}/runCommands/probe", managed("sleep 1000"))
    sim.advance(timedelta(seconds=20))
    deletion = ask("DELETE", f"{vm_path}/runCommands/probe")
    body = ask("GET", f"{vm_path}/runCommands/probe?$expand=instanceView").body["properties"]
    assert (body["provisioningState"], body["instanceView"]["executionState"]) == ("Deleting", "Canceled")
    assert ask.follow(accepted).body["status"] == "Canceled"
    assert ask.follow(deletion).body["status"] == "Succeeded"
    assert ask("GET", f"{vm_path}/runCommands/probe").status == 404
    assert ask("DELETE", f"{vm_path}/runCommands/probe").status == 204


def test_the_same_name_again_replaces_the_one_before(commands, run):
    run("echo one")
    assert run("echo two").output == "two\n"
    assert len(list(commands.list_by_virtual_machine("rg-web", "web-01"))) == 1
    commands.begin_delete("rg-web", "web-01", "probe").result()
    with pytest.raises(ResourceNotFoundError):
        commands.get_by_virtual_machine("rg-web", "web-01", "probe")


@pytest.mark.parametrize("action", ["deallocate", "powerOff", "restart"])
def test_a_vm_that_goes_down_meanwhile_never_ends_it_well(sim, ask, vm, vm_path, action):
    accepted = ask("PUT", f"{vm_path}/runCommands/probe", managed("sleep 1000"))
    sim.advance(timedelta(seconds=20))
    ask.follow(ask("POST", f"{vm_path}/{action}"))
    ended = ask.follow(accepted).body
    assert (ended["status"], ended["error"]["code"]) == ("Canceled", "OperationPreempted")
    sim.advance(timedelta(hours=2))
    view = ask("GET", f"{vm_path}/runCommands/probe?$expand=instanceView").body["properties"]["instanceView"]
    assert view["executionState"] == "Failed"
    assert "exitCode" not in view


def test_without_an_agent_a_run_command_times_out_and_nothing_has_run(sim, vm, commands, view):
    vm.agent = "NotReady"
    with pytest.raises(HttpResponseError) as raised:
        commands.begin_create_or_update("rg-web", "web-01", "probe", managed("echo no")).result()
    assert raised.value.error.code == "VMExtensionProvisioningTimeout"
    assert (view().execution_state, view().start_time) == ("TimedOut", None)
    assert vm.inside is None


def test_an_agent_that_comes_back_takes_the_script_that_waits(sim, vm, ask, vm_path):
    vm.agent = "NotReady"
    accepted = ask("PUT", f"{vm_path}/runCommands/probe", managed("echo late"))
    sim.advance(timedelta(minutes=30))
    vm.agent = "Ready"
    assert ask.follow(accepted).body["status"] == "Succeeded"


@pytest.mark.parametrize("missing", ["provision_agent", "extension_operations"])
def test_a_vm_that_takes_no_extensions_takes_no_scripts_of_either_kind(compute, vm, run, missing):
    setattr(vm, missing, False)
    with pytest.raises(ResourceExistsError) as raised:
        run("true")
    assert raised.value.error.code == "OperationNotAllowed"
    assert "extension operations are disallowed" in raised.value.error.message
    with pytest.raises(ResourceExistsError):
        compute.virtual_machines.begin_run_command("rg-web", "web-01", {"commandId": "RunShellScript"})


def test_a_run_command_of_either_kind_needs_a_running_vm(compute, vm, run):
    vm.power_state = "deallocated"
    for start in (
        lambda: run("true"),
        lambda: compute.virtual_machines.begin_run_command("rg-web", "web-01", {"commandId": "RunShellScript"}),
    ):
        with pytest.raises(ResourceExistsError) as raised:
            start()
        assert raised.value.error.code == "OperationNotAllowed"


@pytest.mark.unjudged("the bodies are wrong on purpose")
@pytest.mark.parametrize("properties", [{}, {"source": {}}, {"source": {"script": "true"}, "timeoutInSeconds": "soon"}])
def test_a_managed_run_command_needs_a_script_and_a_limit_in_seconds(ask, vm_path, properties):
    refused = ask("PUT", f"{vm_path}/runCommands/probe", {"location": "westeurope", "properties": properties})
    assert (refused.status, refused.body["error"]["code"]) == (400, "InvalidParameter")


def test_a_script_that_nobody_waits_for_does_not_outlive_its_vm_either(sim, ask, vm_path):
    ask.follow(ask("PUT", f"{vm_path}/runCommands/probe", managed("sleep 4000", asyncExecution=True)))
    ask.follow(ask("POST", f"{vm_path}/deallocate"))
    sim.advance(timedelta(hours=3))
    body = ask("GET", f"{vm_path}/runCommands/probe?$expand=instanceView").body["properties"]
    assert (body["provisioningState"], body["instanceView"]["executionState"]) == ("Succeeded", "Failed")


def test_starting_a_vm_that_runs_interrupts_nothing(ask, vm_path):
    accepted = ask("PUT", f"{vm_path}/runCommands/probe", managed("sleep 1000"))
    ask.follow(ask("POST", f"{vm_path}/start"))
    assert ask.follow(accepted).body["status"] == "Succeeded"


# Run commands of the first kind


def classic(*script):
    return {"commandId": "RunShellScript", "script": list(script)}


def test_the_first_kind_gives_one_entry_on_linux_without_the_exit_code(compute):
    script = classic("echo ok", "echo bad >&2", "exit 7")
    result = compute.virtual_machines.begin_run_command("rg-web", "web-01", script).result()
    assert [(entry.code, entry.message) for entry in result.value] == [
        ("ProvisioningState/succeeded", "Enable succeeded: \n[stdout]\nok\n\n[stderr]\nbad\n")
    ]


def test_the_first_kind_keeps_the_last_4096_bytes_of_each(compute):
    script = classic("seq 100000 102000; seq 200000 202000 >&2")
    message = compute.virtual_machines.begin_run_command("rg-web", "web-01", script).result().value[0].message
    out, _, errors = message.removeprefix("Enable succeeded: \n[stdout]\n").partition("\n[stderr]\n")
    assert (len(out), len(errors)) == (4096, 4096)
    assert out.endswith("102000\n")


def test_the_first_kind_gives_two_entries_on_windows(compute, sim):
    sim.world.compute.add_vm("win-01", "rg-web", os_type="Windows")
    script = {"commandId": "RunPowerShellScript", "script": ["hostname"]}
    result = compute.virtual_machines.begin_run_command("rg-web", "win-01", script).result()
    assert [entry.code for entry in result.value] == [
        "ComponentStatus/StdOut/succeeded",
        "ComponentStatus/StdErr/succeeded",
    ]
    assert result.value[1].message.startswith("simulator: ")


def test_the_result_of_the_first_kind_comes_from_its_location_alone(ask, vm_path):
    accepted = ask("POST", f"{vm_path}/runCommand", classic("echo ok"))
    ended = ask.follow(accepted).body
    assert ended["status"] == "Succeeded"
    assert "properties" not in ended
    assert "ok" in ask("GET", accepted.headers["Location"]).body["value"][0]["message"]


def test_only_one_of_the_first_kind_runs_at_a_time(ask, vm_path):
    accepted = ask("POST", f"{vm_path}/runCommand", classic("true"))
    refused = ask("POST", f"{vm_path}/runCommand", classic("true"))
    assert (refused.status, refused.body["error"]["code"]) == (409, "Conflict")
    assert refused.body["error"]["message"].startswith("Run command extension execution is in progress.")
    assert ask("PUT", f"{vm_path}/runCommands/probe", managed("true")).status == 201
    ask.follow(accepted)
    assert ask("POST", f"{vm_path}/runCommand", classic("true")).status == 202


def test_a_vm_that_goes_down_frees_the_first_kind_and_gives_no_result(sim, ask, vm_path):
    accepted = ask("POST", f"{vm_path}/runCommand", classic("sleep 1000"))
    sim.advance(timedelta(seconds=20))
    ask.follow(ask("POST", f"{vm_path}/restart"))
    assert ask.follow(accepted).body["status"] == "Canceled"
    assert ask("POST", f"{vm_path}/runCommand", classic("true")).status == 202


# Scripts that end badly


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (Misbehaviour("says", text='{"applied": false}', exit_code=0), ("Succeeded", 0, '{"applied": false}')),
        (Misbehaviour("dies"), ("Failed", 137, "")),
        (Misbehaviour("hangs"), ("TimedOut", None, "")),
        (Misbehaviour("truncated"), ("Succeeded", 0, "6789\n")),
        (Misbehaviour("garbled", text="<html>"), ("Succeeded", 0, "<html>")),
    ],
    ids=lambda value: value.kind if isinstance(value, Misbehaviour) else "",
)
def test_a_vm_can_be_told_how_its_scripts_end_badly(vm, run, wrong, expected):
    vm.misbehaves.append(wrong)
    seen = run("echo 123456789; : >/etc/ran")
    assert (seen.execution_state, seen.exit_code, seen.output) == expected
    assert vm.inside.read("/etc/ran") == ""


def test_a_misbehaviour_hits_only_as_many_as_it_says_and_may_keep_the_script_from_running(vm, run):
    vm.misbehaves.append(Misbehaviour("dies", runs=False, skip=1, times=1))
    states = [run(f": >/etc/ran{number}").execution_state for number in range(3)]
    assert states == ["Succeeded", "Failed", "Succeeded"]
    assert [vm.inside.read(f"/etc/ran{number}") for number in range(3)] == ["", None, ""]


# The agent


LATER = "systemd-run --unit=agent --on-active=30 /bin/sh -c 'systemctl {} walinuxagent'"


def test_an_agent_that_a_task_stops_is_not_ready_and_its_script_has_ended_before(sim, vm, run):
    assert run(LATER.format("stop")).execution_state == "Succeeded"
    sim.advance(timedelta(minutes=1))
    assert vm.agent == "NotReady"


def test_an_agent_that_hangs_reports_a_minute_after_its_vm_is_restarted(sim, vm, ask, vm_path):
    furnish(sim.world, vm, {"services": {"walinuxagent": {"hung": True}}})
    assert vm.agent == "NotReady"
    ask.follow(ask("POST", f"{vm_path}/restart"))
    sim.advance(timedelta(minutes=1))
    assert vm.agent == "Ready"


def test_a_script_that_stops_its_own_agent_is_never_heard_of(run):
    with pytest.raises(HttpResponseError) as raised:
        run("systemctl stop walinuxagent")
    assert raised.value.error.code == "VMExtensionProvisioningTimeout"


def test_a_restarted_agent_reports_a_minute_later(sim, vm, run):
    stop_and_start = "systemd-run --unit=start --on-active=600 /bin/sh -c 'systemctl start walinuxagent'; "
    run(stop_and_start + LATER.format("stop"))
    sim.advance(timedelta(minutes=5))
    assert vm.agent == "NotReady"
    sim.advance(timedelta(minutes=5))
    assert vm.agent == "NotReady"
    sim.advance(timedelta(minutes=2))
    assert vm.agent == "Ready"


def test_a_restart_of_a_vm_drops_what_was_handed_over(sim, vm, run, ask, vm_path):
    run("systemd-run --unit=late --on-active=9000 /bin/sh -c ': >/etc/late'")
    assert vm.inside.state["tasks"] == ["late"]
    ask.follow(ask("POST", f"{vm_path}/restart"))
    sim.advance(timedelta(hours=5))
    assert vm.inside.read("/etc/late") is None


def test_an_updated_agent_shows_its_new_version_a_minute_later(sim, vm, compute, run):
    package = {"installed": "2.9.1.1-1", "offered": "2.12.0.4-1", "reachable": True}
    furnish(sim.world, vm, {"package": package})
    assert run("apt-get install -y walinuxagent").exit_code == 0
    sim.advance(timedelta(minutes=1))
    assert compute.virtual_machines.instance_view("rg-web", "web-01").vm_agent.vm_agent_version == "2.12.0.4"
