"""What each verb wants of what the Labfile says and what exists."""

import pytest

from labctl.app import desired_state
from labctl.core.address import Address
from labctl.core.errors import UsageError
from labctl.core.lifecycle import State
from labctl.core.record import replace
from labctl.core.spec import of_kind
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.provision.spec import ProvisionSpec
from labctl.kinds.snapshot.spec import SnapshotSpec
from labctl.kinds.vm.spec import VmSpec
from tests.composed import applied, specs, with_steps

CONTENT = {
    "networks": {"front": {"subnet": "10.0.0.0/24"}, "back": {"mode": "isolated", "subnet": "10.0.1.0/24"}},
    "vms": {
        "web": {"image": "debian-12", "count": 2, "networks": ["front"], "depends_on": ["db"]},
        "db": {"image": "debian-12", "networks": ["back"], "forwards": ["5432:5432"],
               "disks": [{"name": "data", "size": "1GiB"}]},
        "log": {"image": "none", "disk": "1GiB", "networks": ["front"]},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def wanted():
    return specs(CONTENT)


@pytest.fixture
def existing(wanted):
    return applied(wanted)


def edited(existing, **states):
    """What exists, with some VMs in another state."""
    found = dict(existing)
    for name, state in states.items():
        address = Address("vm", name.replace("_", "-"))
        found[address] = replace(found[address], state=state)
    return found


def states(found):
    return {vm.name: str(vm.state) for vm in of_kind(found.values(), VmSpec)}


def names(found):
    return {str(address) for address in found}


def test_up_wants_what_the_labfile_says(wanted, existing):
    assert desired_state.up()(wanted, existing) == wanted


def test_up_leaves_what_no_labfile_names(wanted, existing):
    """`destroy` takes it."""
    one = SnapshotSpec("shop", "s1")
    there = existing | {one.address: one}
    assert desired_state.up()(wanted, there) == wanted | {one.address: one}
    assert one.address in desired_state.up(["db"])(wanted, there)
    assert one.address in desired_state.halt()(wanted, there)
    assert one.address not in desired_state.destroy()(wanted, there)
    assert one.address in desired_state.destroy(["db"])(wanted, there)


def test_up_of_some_brings_what_they_need_and_leaves_the_rest(wanted):
    found = desired_state.up(["db"])(wanted, {})
    needs = {"pool/shop", "image/debian-12", "network/back", "disk/db/root", "disk/db/data", "seed/db"}
    needs |= {"forward/db/5432"}  # needs it, and comes with it
    assert names(found) == needs | {"vm/db"}
    old = {Address("vm", "old"): VmSpec("shop", "old")}
    assert names(desired_state.up(["db"])(wanted, old)) == names(found) | {"vm/old"}


def test_up_of_some_keeps_others_as_they_are_although_the_labfile_differs(wanted, existing):
    differs = {
        address: replace(spec, cpus=4) if isinstance(spec, VmSpec) else spec
        for address, spec in wanted.items()
    }
    found = desired_state.up(["log"])(differs, existing)
    assert {vm.name: vm.cpus for vm in of_kind(found.values(), VmSpec)} == {
        "db": 1,
        "log": 4,
        "web-1": 1,
        "web-2": 1,
    }


def test_a_vm_as_written_stands_for_all_its_instances(wanted, existing):
    found = desired_state.destroy(["web"])(wanted, existing)
    assert names(existing) - names(found) == {
        f"{kind}{name}" for name in ("web-1", "web-2") for kind in ("vm/", "seed/")
    } | {"disk/web-1/root", "disk/web-2/root"}


def test_destroy_leaves_what_is_every_labs(wanted, existing):
    assert names(desired_state.destroy()(wanted, existing)) == {"image/debian-12"}


def test_halt_ends_what_runs_and_what_is_paused(wanted, existing):
    found = edited(existing, web_1=State.PAUSED, log=State.OFF)
    halted = desired_state.halt()(wanted, found)
    assert set(states(halted).values()) == {"off"}
    assert halted[Address("vm", "log")] is found[Address("vm", "log")], "it is off already"
    assert halted[Address("vm", "db")].ready is None


def test_suspend_pauses_only_what_runs(wanted, existing):
    found = edited(existing, log=State.OFF)
    assert states(desired_state.suspend(["log", "db"])(wanted, found)) == {
        "db": "paused", "log": "off", "web-1": "running", "web-2": "running",
    }  # fmt: skip


def test_suspended_to_disk_are_those_that_have_memory(wanted, existing):
    found = edited(existing, log=State.OFF, db=State.PAUSED, web_1=State.CRASHED)
    assert states(desired_state.suspend(disk=True)(wanted, found)) == {
        "db": "saved", "log": "off", "web-1": "crashed", "web-2": "saved",
    }  # fmt: skip


def test_resume_starts_the_networks_of_those_that_go_on(wanted, existing):
    """A reboot of the host stops them, and keeps what is saved."""
    networks = {
        address: replace(spec, active=False)
        for address, spec in existing.items()
        if isinstance(spec, NetworkSpec)
    }
    found = edited(existing, db=State.SAVED, web_1=State.OFF, web_2=State.OFF, log=State.OFF) | networks
    resumed = desired_state.resume()(wanted, found)
    db = found[Address("vm", "db")]
    started = {spec.name for spec in of_kind(resumed.values(), NetworkSpec) if spec.active}
    assert started == {nic.ours for nic in db.nics}
    assert started < {spec.name for spec in networks.values()}


def test_resume_boots_nothing(wanted, existing):
    found = edited(existing, db=State.PAUSED, log=State.OFF)
    assert states(desired_state.resume()(wanted, found)) == {
        "db": "running", "log": "off", "web-1": "running", "web-2": "running",
    }  # fmt: skip


GOING_ON = {
    "networks": {"front": {"subnet": "10.0.0.0/24"}},
    "vms": {
        "web": {"image": "debian-12", "networks": [{"name": "front", "ip": "10.0.0.10"}], "timeout": "9m",
                "ready": [{"tcp": 80, "from": "host"}],
                "provision": [{"shell": "a"}, {"shell": "b", "run": "always"}]},
        "db": {"image": "debian-12", "provision": [{"shell": "c", "run": "always"}]},
    },
    "provision": [{"shell": "d", "run": "always"}, {"shell": "e"}],
}  # fmt: skip


def read_anew(existing):
    """The VMs as libvirt has them: without what only the Labfile says."""
    return {
        address: replace(spec, checks=(), timeout=300.0, waits=()) if isinstance(spec, VmSpec) else spec
        for address, spec in existing.items()
    }


def test_what_goes_on_is_ready_when_the_labfile_says_so():
    wanted = specs(GOING_ON)
    found = edited(read_anew(with_steps(applied(wanted), wanted)), web=State.SAVED, db=State.OFF)
    resumed = desired_state.resume()(wanted, found)
    web, named = (each[Address("vm", "web")] for each in (resumed, wanted))
    assert (web.checks, web.timeout, web.waits) == (named.checks, named.timeout, named.waits)
    assert web.checks
    assert web.waits
    assert due(resumed) == {"provision/web/2"}, "the lab's has db, which is off"
    assert steps(resumed) == steps(found), "what is done stays done"
    without = desired_state.resume()({}, found)[Address("vm", "web")]
    assert (without.state, without.checks) == (State.RUNNING, ())


def test_steps_that_run_each_time_are_those_of_what_goes_on():
    wanted = specs(GOING_ON)
    found = edited(with_steps(applied(wanted), wanted), web=State.PAUSED)
    assert due(desired_state.resume()(wanted, found)) == {"provision/web/2", "provision/1"}
    assert due(desired_state.resume(["db"])(wanted, found)) == set(), "it runs already"


def test_the_host_asks_at_the_address_that_a_vm_has():
    """Its snapshot is of before the Labfile gave it another."""
    found = edited(applied(specs(GOING_ON)), web=State.PAUSED)
    web = {**GOING_ON["vms"]["web"], "networks": [{"name": "front", "ip": "10.0.0.20"}]}
    wanted = specs({**GOING_ON, "vms": {"web": web}})
    (check,) = desired_state.resume()(wanted, found)[Address("vm", "web")].checks
    assert [str(each) for each in check.addresses] == ["10.0.0.10"]


def due(found):
    return {str(step.address) for step in of_kind(found.values(), ProvisionSpec) if step.due}


def test_verbs_that_take_away_look_at_what_exists_and_up_at_the_labfile(wanted, existing):
    with pytest.raises(UsageError, match="no VM is called old"):
        desired_state.up(["old"])(wanted, {Address("vm", "old"): VmSpec("shop", "old")})
    old = {**existing, Address("vm", "old"): VmSpec("shop", "old")}
    assert "vm/old" not in names(desired_state.destroy(["old"])(wanted, old))


def test_a_wrong_name_gets_the_nearest_or_all(wanted, existing):
    for name, hint in (
        ("dbb", "did you mean db?"),
        ("zzz", "known: db, log, web, web-1, web-2"),
        ("wep", "did you mean web?"),
    ):
        with pytest.raises(UsageError, match=f"no VM is called {name}") as caught:
            desired_state.halt([name])(wanted, existing)
        assert caught.value.hint == hint


def test_all_wrong_names_are_told_and_none_where_there_is_no_vm(wanted, existing):
    with pytest.raises(UsageError) as caught:
        desired_state.up(["dbb", "db", "wep"])(wanted, existing)
    assert str(caught.value).splitlines() == [
        "no VM is called dbb (did you mean db?)",
        "no VM is called wep (did you mean web?)",
    ]
    with pytest.raises(UsageError, match="no VM is called dbx") as caught:
        desired_state.halt(["dbx"])(wanted, {})
    assert caught.value.hint == "there is no VM yet"


def test_which_are_off_is_told_of_all_or_of_those_that_are_named(existing):
    found = edited(existing, web_2=State.OFF, log=State.OFF)
    assert desired_state.off((), found) == ["log", "web-2"]
    assert desired_state.off(("web",), found) == ["web-2"]
    assert desired_state.off(("db",), found) == []


STEPS = {
    "vms": {
        "web": {"image": "debian-12", "provision": [{"name": "a", "shell": "a"}, {"shell": "b"}]},
        "db": {"image": "debian-12", "provision": [{"name": "c", "shell": "c"}]},
    },
    "provision": [{"name": "both", "shell": "d"}, {"name": "one", "shell": "e", "on": ["db"]}],
}


def steps(found):
    return {str(address) for address in found if address.kind == "provision"}


def test_up_of_some_takes_the_steps_of_these_and_of_the_lab_what_concerns_no_others():
    wanted = specs(STEPS)
    assert steps(desired_state.up(["db"])(wanted, {})) == {"provision/db/1", "provision/2"}
    assert steps(desired_state.up(["db", "web"])(wanted, {})) == steps(wanted)


def test_provision_wants_steps_of_vms_that_run_and_nothing_else():
    wanted = specs(STEPS)
    existing = applied(specs({"vms": {name: {"image": "debian-12"} for name in ("web", "db")}}))
    found = desired_state.provision([], "", again=False)(wanted, existing)
    assert steps(found) == steps(wanted)
    assert {address: spec for address, spec in found.items() if address in existing} == existing
    assert steps(desired_state.provision(["web"], "a", again=False)(wanted, existing)) == {"provision/web/1"}
    done = with_steps(applied(wanted), wanted)
    again = desired_state.provision(["web"], "a", again=True)(wanted, done)
    assert [str(address) for address in again if again[address] != done[address]] == ["provision/web/1"]


def test_provision_says_what_it_can_t_do():
    wanted = specs(STEPS)
    existing = edited(applied(wanted), db="off")
    with pytest.raises(UsageError, match="db does not run") as off:
        desired_state.provision(["db"], "", again=False)(wanted, existing)
    assert "`labctl up db`" in off.value.hint
    with pytest.raises(UsageError, match="no provisioning step is called bth") as wrong:
        desired_state.provision([], "bth", again=False)(wanted, applied(wanted))
    assert "both" in wrong.value.hint
