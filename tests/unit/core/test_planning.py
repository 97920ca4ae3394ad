"""The laws of the plan."""

from graphlib import TopologicalSorter
from ipaddress import IPv4Address
from itertools import cycle

from hypothesis import given
from hypothesis import strategies as st

from labctl.core.lifecycle import State
from labctl.core.operations import operations
from labctl.core.plan import Action
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.core.spec import Effect
from labctl.guest.nic_config import NicConfig
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.network.spec import DhcpHost, NetworkSpec
from labctl.kinds.vm.disks_and_nics import DiskUse, NicUse
from labctl.kinds.vm.spec import VmSpec
from tests.strategies import labs


def lab(*specs):
    return {spec.address: spec for spec in specs}


NETWORK = NetworkSpec("shop", "front", bridge="lab-1", subnet4="10.0.0.0/24", host4="10.0.0.1/24")
NIC = NicUse("front", "52:54:00:00:00:01", "shop.front", "front")
ROOT = DiskUse("root", "/pool/web.root", "web/root", target="vda")
DISK = DiskSpec("shop", "web/root", 1 << 30, base="sha256-a.img", image="a")
VM = VmSpec("shop", "web", disks=(ROOT,), nics=(NIC,), ready=True)


@given(labs)
def test_what_is_as_wanted_needs_no_step(specs):
    assert not plan(specs, specs)


@given(labs)
def test_from_nothing_everything_is_created(specs):
    made = plan(specs, {})
    assert {step.address for step in made.steps} == set(specs)
    assert {step.action for step in made.steps} <= {Action.CREATE}


@given(labs)
def test_to_nothing_everything_is_deleted(specs):
    assert {step.action for step in plan({}, specs).steps} <= {Action.DELETE}


@given(labs, labs)
def test_applying_a_plan_leaves_nothing_to_do(desired, observed):
    made = plan(desired, observed)
    after = dict(observed)
    for step in made.steps:
        if step.after is None:
            del after[step.address]
        else:
            after[step.address] = step.after
    assert not plan(desired, after)


@given(labs, labs)
def test_the_text_is_canonical(desired, observed):
    again = plan(dict(reversed(desired.items())), dict(reversed(observed.items())))
    assert str(plan(desired, observed)) == str(again)


@given(labs, labs, st.lists(st.sampled_from(State), min_size=1, max_size=4))
def test_the_operations_can_always_be_ordered(desired, observed, states):
    """Whatever states the VMs are in."""
    state = cycle(states)
    observed = {
        address: replace(spec, state=next(state)) if isinstance(spec, VmSpec) else spec
        for address, spec in observed.items()
    }
    every = operations(plan(desired, observed))
    order = list(TopologicalSorter({each.id: each.needs for each in every}).static_order())
    assert set(order) == {each.id for each in every}


def needs(made, name):
    return next(each.needs for each in operations(made) if each.id == name)


def test_a_vm_waits_for_its_disk_and_network():
    made = plan(lab(NETWORK, DISK, VM), {})
    assert needs(made, "create vm/web") == ("create disk/web/root", "create network/front")
    assert needs(made, "start vm/web") == ("create vm/web",)


def test_depends_on_holds_back_the_start_and_nothing_else():
    db = replace(VM, name="db", nics=(), disks=())
    web = replace(VM, after=(("db", "booted"),), nics=(), disks=())
    made = plan(lab(db, web), {})
    assert needs(made, "create vm/web") == ()
    assert needs(made, "start vm/web") == ("booted vm/db", "create vm/web")


def test_who_depends_on_another_stops_before_it():
    db = replace(VM, name="db", nics=(), disks=())
    web = replace(VM, after=(("db", "booted"),), nics=(), disks=())
    off = lab(*(replace(each, state="off", ready=None) for each in (db, web)))
    assert needs(plan(off, lab(db, web)), "stop vm/db") == ("stop vm/web",)


def test_a_vm_goes_before_its_network_and_disk():
    made = plan({}, lab(NETWORK, DISK, VM))
    assert needs(made, "delete network/front") == ("delete vm/web",)
    assert needs(made, "delete disk/web/root") == ("delete vm/web",)


def test_a_new_base_replaces_disk_and_vm():
    made = plan(lab(replace(DISK, base="sha256-b.img"), VM), lab(DISK, VM))
    assert [(str(step.address), step.action) for step in made.steps] == [
        ("disk/web/root", Action.REPLACE),
        ("vm/web", Action.REPLACE),
    ]
    assert needs(made, "delete disk/web/root") == ("delete vm/web",)
    assert "create disk/web/root" in needs(made, "create vm/web")
    assert made.steps[1].cause == "disk/web/root is replaced"


def test_a_replaced_network_reattaches_its_vms_live():
    made = plan(lab(replace(NETWORK, domain="x.lab"), VM), lab(NETWORK, VM))
    step = made.steps[-1]
    assert (step.action, step.changes[0].effect) == (Action.UPDATE, Effect.LIVE)
    assert needs(made, "delete network/front") == ("release vm/web",)


def test_a_renamed_network_of_the_same_subnet_waits_until_the_old_one_went():
    renamed = replace(NETWORK, name="edge")
    moved = replace(VM, nics=(replace(NIC, name="edge", network="shop.edge", ours="edge"),))
    made = plan(lab(renamed, moved), lab(NETWORK, VM))
    assert needs(made, "create network/edge") == ("delete network/front",)
    assert needs(made, "delete network/front") == ("release vm/web",)


def test_drift_is_told_from_an_edit():
    drifted = replace(VM, cpus=2)
    cause = plan(lab(VM), lab(drifted), applied={VM.address: VM.fingerprint()}).steps[0].cause
    assert cause == "changed outside labctl"
    assert (
        plan(lab(VM), lab(drifted), applied={VM.address: "other"}).steps[0].cause == "changed in the Labfile"
    )


def test_addresses_count_in_a_fingerprint_as_their_text():
    """So they did when labctl had them as texts; what it applied then is still known as its own."""
    network = [
        replace(NETWORK, dhcp_hosts=(DhcpHost(ip, "web"),)) for ip in ("10.0.0.2", IPv4Address("10.0.0.2"))
    ]
    lines = ("mtu 1400", "address 10.0.0.2/24", "route default 10.0.0.1")
    vm = [replace(VM, nics=(replace(NIC, guest=guest),)) for guest in (lines, NicConfig.parse(lines))]
    for text, value in (network, vm):
        assert text.fingerprint() == value.fingerprint()


def test_a_stopped_vm_is_no_drift_but_a_state():
    made = plan(lab(VM), lab(replace(VM, state="off", ready=False)), applied={VM.address: VM.fingerprint()})
    assert made.steps[0].cause == "not in the state that is wanted"
    assert [str(each.verb) for each in operations(made)] == ["release", "update", "start", "booted", "ready"]


def test_shrinking_a_disk_is_refused():
    made = plan(lab(replace(DISK, size=1 << 20)), lab(DISK))
    ((address, problem),) = made.refusals
    assert (address, problem.path) == (DISK.address, str(DISK.address))
    assert problem.summary == "can't shrink from 1GiB to 1MiB: what lies at the end would be lost"
    assert problem.hint.startswith("keep its size")


def test_what_libvirt_chose_is_not_owned():
    assert not plan(lab(VM), lab(replace(VM, machine="pc-i440fx-7.2", arch="x86_64")))


def test_a_forced_restart_stops_and_starts():
    made = plan(lab(VM), lab(VM), restart={VM.address})
    assert made.steps[0].action is Action.RESTART
    assert [str(each.verb) for each in operations(made)] == ["stop", "update", "start", "booted", "ready"]


def test_a_lost_disk_that_cannot_be_plugged_in_costs_a_restart():
    for bus, action in (("virtio", Action.UPDATE), ("scsi", Action.UPDATE), ("sata", Action.RESTART)):
        data = DiskUse("data", "/pool/web.data", "web/data", target="sda", bus=bus)
        vm = replace(VM, disks=(ROOT, data))
        disk = DiskSpec("shop", "web/data", 1 << 20)
        steps = {step.address: step.action for step in plan(lab(vm, DISK, disk), lab(vm, DISK)).steps}
        assert steps == {disk.address: Action.CREATE, vm.address: action}


def moved(source="/pool/web.e1", *below: str) -> VmSpec:
    """The VM as it is where someone put its root disk there."""
    return replace(VM, disks=(replace(ROOT, source=source, below=below),))


def test_a_disk_stays_on_the_overlays_that_someone_put_on_it():
    was = moved("/pool/web.e1", "/pool/web.root", "/store/a.img")
    assert not plan(lab(NETWORK, DISK, VM.keep(was)), lab(NETWORK, DISK, was))
    made = plan(lab(NETWORK, DISK, replace(VM, cpus=2).keep(was)), lab(NETWORK, DISK, was))
    (step,) = made.steps
    assert [change.field for change in step.changes] == ["cpus"]
    assert step.after.disks[0].source == "/pool/web.e1"
    assert not made.destructive


def test_a_definition_that_lags_behind_its_overlay_is_no_loss():
    """The running VM is on it, and so will the definition be."""
    was = moved("/pool/web.e1", "/pool/web.root")
    made = plan(lab(NETWORK, DISK, VM.onward(was)), lab(NETWORK, DISK, VM))
    assert [change.after for change in made.steps[0].changes] == ["/pool/web.e1"]
    assert not made.destructive


def test_taking_a_disk_off_a_file_that_does_not_stand_on_it_loses_that_file():
    was = moved("/srv/copy", "/store/a.img")
    made = plan(lab(NETWORK, DISK, VM.keep(was)), lab(NETWORK, DISK, was))
    (step,) = made.steps
    assert (step.action, step.destructive) == (Action.RESTART, True)
    assert step.loss == "what is in /srv/copy"
    assert step.to_json()["destructive"]


def test_a_disk_that_is_made_anew_has_nothing_on_top():
    was = moved("/pool/web.e1", "/pool/web.root")
    other = replace(DISK, base="sha256-b.img")
    made = plan(lab(NETWORK, other, VM.keep(was)), lab(NETWORK, DISK, was))
    (vm,) = [step for step in made.steps if step.address == VM.address]
    assert (vm.action, vm.after.disks[0].source) == (Action.REPLACE, "/pool/web.root")


def test_the_layer_that_a_snapshot_put_on_a_disk_is_no_edit_of_the_labfile():
    use, path = DiskUse("root", "/pool/labctl-shop/web.root", format="raw"), "/pool/labctl-shop/web.root"
    layer = replace(use, source=f"{path}._layer-5f0c91d2", format="qcow2", below=(path,))
    wanted = replace(VM, disks=(use,))
    drifted = replace(wanted, disks=(layer,), cpus=wanted.cpus + 1)
    goes_on = replace(wanted, disks=(use.onward(layer),))
    (step,) = plan(lab(goes_on), lab(drifted), applied={VM.address: wanted.fingerprint()}).steps
    assert step.cause == "changed outside labctl"
    assert replace(wanted, disks=(layer,)).fingerprint() != wanted.fingerprint()
