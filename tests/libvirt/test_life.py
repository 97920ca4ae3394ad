"""A lab's whole life on the real API."""

import os
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from labctl.app import change, desired_state
from labctl.app.plan import plan
from labctl.app.prepare import prepare
from labctl.app.status import status
from labctl.core.address import Address
from labctl.core.errors import LabHeld, Refused, Rejected, StoppedAtOnce, UsageError
from labctl.core.events import Diagnostic, Ending, Finished, StepDone
from labctl.core.identity import STORE
from labctl.core.plan import Action
from labctl.core.record import replace
from labctl.host.access import shared_ssh
from labctl.host.files import runtime
from labctl.host.host import Host
from labctl.host.libvirt import pools
from tests.disks import raw

NETWORKS = {"network/front": "update", "network/back": "update"}
WEB = {"vm/web-1": "update", "vm/web-2": "update"}


def actions(plan):
    return {str(step.address): str(step.action) for step in plan.steps}


def test_up_makes_all_of_it_and_then_nothing_is_to_do(world):
    assert world.run() == 0, world.failures()
    assert world.everything() == {
        "shop.db", "shop.web-1", "shop.web-2", "shop.front", "shop.back", "labctl-shop",
    }  # fmt: skip
    assert not world.plan(), str(world.plan())


def test_destroy_leaves_nothing(world):
    world.run()
    assert world.run(change.destroy) == 0
    assert world.everything() == set()
    assert not (world.folder / ".labctl").exists()


def test_destroy_removes_the_keys_where_somebody_else_removed_the_rest(world, tmp_path):
    assert world.run() == 0
    kept_back = tmp_path / "kept back"
    (tmp_path / ".labctl").rename(kept_back)
    assert world.run(change.destroy) == 0
    kept_back.rename(tmp_path / ".labctl")
    assert (tmp_path / ".labctl" / "shop").exists()
    assert world.run(change.destroy) == 0
    assert not (tmp_path / ".labctl").exists()
    assert [event.summary for event in world.events if isinstance(event, Diagnostic)] == [
        "the lab's local files, which were all that was left of it, are removed"
    ]
    assert world.run(change.destroy) == 0
    assert not [event for event in world.events if isinstance(event, Diagnostic)]


def test_a_run_keeps_nothing_of_what_it_read(world):
    world.run()
    world.plan()
    status(world.session())
    assert not [path for path in Path(os.environ["XDG_CACHE_HOME"]).rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (KeyboardInterrupt, Ending.INTERRUPTED),
        (StoppedAtOnce, Ending.INTERRUPTED),
        (ZeroDivisionError, Ending.FAILED),
    ],
)
def test_a_run_that_breaks_off_is_told_to_have_finished(world, monkeypatch, error, ending):
    """Else a terminal keeps its live part and has no cursor."""

    def execute(*_arguments, **_options):
        raise error("stopped")

    monkeypatch.setattr("labctl.engine.execute.execute", execute)
    with pytest.raises(error):
        world.run()
    assert isinstance(world.events[-1], Finished)
    assert world.events[-1].ending is ending


def test_so_is_one_that_breaks_off_once_its_steps_are_done(world, monkeypatch):
    """There it looks after files, or plans what follows, and Ctrl-C ends it as any Python program."""

    def keep(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("labctl.app.images.pins.keep", keep)
    with pytest.raises(KeyboardInterrupt):
        world.run()
    assert any(isinstance(event, StepDone) for event in world.events)
    assert isinstance(world.events[-1], Finished)
    assert world.events[-1].ending is Ending.INTERRUPTED


@pytest.mark.parametrize("text", ["labfile: 1\nname: [", None])
def test_destroy_needs_no_labfile(world, text):
    """A broken one, or none any more: libvirt knows which lab was made from it."""
    world.run()
    session = world.session()
    path = Path(session.source)
    if text is None:
        path.unlink()
        session.absent = UsageError("no such file")
    else:
        path.write_text(text)
    with pytest.raises((Rejected, UsageError)):
        change.destroy(session, (), world.events.append, lambda _plan: True)
    session.labfile_optional = True
    assert change.destroy(session, (), world.events.append, lambda _plan: True).ok
    assert world.everything() == set()


def test_what_labctl_did_not_make_is_never_touched(world):
    world.host.virt.defineXML(
        "<domain type='test'><name>other</name><memory>1024</memory><os><type>hvm</type></os></domain>"
    )
    before = world.host.virt.lookupByName("other").XMLDesc()
    world.run()
    world.run(change.destroy)
    assert world.host.virt.lookupByName("other").XMLDesc() == before


def test_a_foreign_object_under_our_name_is_refused_before_any_change(world):
    world.host.virt.defineXML(
        "<domain type='test'><name>shop.db</name><memory>1024</memory><os><type>hvm</type></os></domain>"
    )
    with pytest.raises(Refused, match=r"Labfile.yaml:9:3: vms.db: a domain of that name, shop.db, exists"):
        world.run()
    assert world.everything() == {"shop.db"}


def test_a_foreign_pool_of_our_name_keeps_all_that_is_in_it(world, tmp_path):
    pool = f"<pool type='dir'><name>labctl-shop</name><target><path>{tmp_path}/isos</path></target></pool>"
    world.host.virt.storagePoolDefineXML(pool)
    for verb in (change.up, change.destroy):
        with pytest.raises(Refused, match=r"labctl-shop, is in .*isos and was not made by labctl"):
            world.run(verb)
    assert world.everything() == {"labctl-shop"}


def test_a_bridge_that_is_taken_is_refused_with_its_owner(world, monkeypatch):
    taken = "<network><name>lan</name><bridge name='br7'/><ip address='10.77.0.1' prefix='24'/></network>"
    world.host.virt.networkDefineXML(taken)
    monkeypatch.setattr("labctl.host.machine.routes.link", lambda name: name == "br8")
    monkeypatch.setattr(Host, "local", True)
    world.edit("{subnet: 10.90.0.0/24}", "{subnet: 10.90.0.0/24, bridge: br7}")
    with pytest.raises(Rejected, match=r"front.bridge: its .* br7, and .* that of the libvirt network lan"):
        world.run()
    world.edit("br7", "br8")
    with pytest.raises(Rejected, match="br8, and this name is that of an interface of this host"):
        world.run()
    assert world.everything() == {"lan"}


def test_images_without_room_are_refused_and_disks_warned_of(world, monkeypatch):
    raw(world.folder / "base.img", data=b"x" * ((1 << 20) - 512))
    monkeypatch.setattr(Host, "local", True)
    monkeypatch.setattr("labctl.host.libvirt.pools.free_space", lambda _folder: 3 << 20)
    world.run()
    warned = [event.summary for event in world.events if isinstance(event, Diagnostic)]
    assert [text for text in warned if "grow" in text] == [
        "the disks can grow by 5MiB, and 3MiB are free in /var/lib/libvirt/images/labctl-images"
    ]
    world.run(change.destroy)
    monkeypatch.setattr("labctl.host.libvirt.pools.free_space", lambda _folder: 0)
    world.edit("image: none", "image: ./base.img")
    with pytest.raises(Rejected, match="the images to store take 1MiB, and 0B are free"):
        world.run()
    assert world.everything() == set()


def test_the_same_name_from_another_labfile_is_refused(world, tmp_path):
    world.run()
    here, world.folder = world.folder, tmp_path / "elsewhere"
    world.folder.mkdir()
    with pytest.raises(Rejected, match=f"a lab called shop exists, made from {here}/Labfile.yaml"):
        world.run()
    adopting = world.session()
    adopting.adopt = True
    assert actions(prepare(adopting, desired_state.up()).plan) == {**NETWORKS, **WEB, "vm/db": "update"}
    assert change.up(adopting, (), lambda _event: None, lambda _plan: True).ok
    # a running network of this driver shows no new definition
    assert actions(prepare(adopting, desired_state.up()).plan) == NETWORKS


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("count: 2", "count: 3", {"disk/web-3/root": "create", "vm/web-3": "create", **NETWORKS}),
        ("count: 2", "count: 1", {"disk/web-2/root": "delete", "vm/web-2": "delete", **NETWORKS}),
        ("db: {networks", "db: {cpus: 2, networks", {"vm/db": "restart"}),
        ("db: {networks", "db: {max_memory: 128MiB, networks", {"vm/db": "restart"}),
        ("db: {networks", "db: {firmware: uefi, networks", {"vm/db": "replace"}),
        ("db: {networks", "db: {autostart: true, networks", {"vm/db": "update", "network/back": "update"}),
        ("subnet: 10.90.0.0/24", "subnet: 10.91.0.0/24", {"network/front": "replace", **WEB}),
        ("size: 2MiB", "size: 3MiB", {"disk/db/data": "update"}),
        ("front: {subnet", "front: {dns: {hosts: {printer: 10.90.0.200}}, subnet", {"network/front": "update"}),
    ],
)  # fmt: skip
def test_an_edit_changes_just_what_it_says(world, old, new, expected):
    world.run()
    world.edit(old, new)
    assert actions(world.plan()) == expected


def test_a_growing_lab_moves_nothing(world):
    world.run()
    before = prepare(world.session(), desired_state.up()).allocation
    world.edit("count: 2", "count: 4")
    world.edit("  db: {networks", "  cache: {networks: [back]}\n  db: {networks")
    after = prepare(world.session(), desired_state.up()).allocation
    assert before.networks == after.networks
    assert before.nics.items() <= after.nics.items()


def test_nothing_of_a_running_vm_changes_its_identity(world):
    world.run()
    ids = {name: world.domain(name).ID() for name in ("db", "web-1")}
    world.edit("count: 2", "count: 3")
    assert world.run() == 0, world.failures()
    assert ids == {name: world.domain(name).ID() for name in ids}


@pytest.mark.parametrize(
    ("path", "attribute", "value", "field"),
    [
        ("vcpu", None, "3", "cpus"),
        ("devices/interface/mac", "address", "52:54:00:99:99:99", "nics.back.mac"),
        ("devices/interface/source", "network", "shop.front", "nics.back.network"),
        ("devices/interface/model", "type", "e1000", "nics.back.model"),
        ("devices/disk/driver", "cache", "none", "disks.root.cache"),
    ],
)
def test_drift_shows_as_what_it_is_and_is_healed(world, path, attribute, value, field):
    world.run()
    world.run(change.halt)

    def drift(root):
        element = root.find(path)
        if attribute:
            element.set(attribute, value)
        else:
            element.text = value

    world.redefine("db", drift)
    step = next(step for step in world.plan().steps if step.address == Address("vm", "db"))
    assert step.cause == "changed outside labctl"
    assert field in [change.field for change in step.changes]
    assert world.run() == 0, world.failures()
    assert not world.plan()


def test_a_lost_network_is_made_again(world):
    world.run()
    network = world.host.virt.networkLookupByName("shop.back")
    network.destroy()
    network.undefine()
    assert actions(world.plan())["network/back"] == "create"


@pytest.mark.parametrize(("volume", "vm"), [("db.data", "~ vm/db"), ("web-1.root", "-/+ vm/web-1")])
def test_who_has_a_lost_disk_gets_the_new_one(world, volume, vm):
    world.edit("db: {", "db: {state: off, ")  # this driver can't unplug; tests/e2e does
    world.edit("depends_on: [db]", "depends_on: {db: created}")
    assert world.run() == 0
    pool = world.host.virt.storagePoolLookupByName("labctl-shop")
    pool.storageVolLookupByName(volume).delete()
    disk = f"disk/{volume.replace('.', '/')}"
    text = str(world.plan())
    assert f"+ {disk}  (not there yet)" in text
    assert f"{vm}  ({disk} was lost)" in text
    assert world.run() == 0
    assert not world.plan()


def test_a_pool_that_was_undefined_says_nothing_of_its_disks(world):
    assert world.run() == 0
    pool = world.host.virt.storagePoolLookupByName("labctl-shop")
    pool.destroy()
    pool.undefine()
    assert not [each for each in world.plan().steps if each.address.kind == "vm"]


@pytest.mark.parametrize("name", ["labctl-shop", "labctl-images"])
def test_plan_and_drift_leave_a_stopped_pool_as_it_is(world, name):
    assert world.run() == 0
    pool = pools.define(world.host.virt, name, world.folder / name) if name == STORE else pool_of(world)
    pool.destroy()
    seen = plan(world.session())
    assert [(step.id, step.cause) for step in seen.plan.steps] == [
        (f"pool/{name.removeprefix('labctl-')}", "not started")
    ]
    assert [each.summary.partition(":")[0] for each in seen.warnings] == [f"the pool {name} is stopped"]
    assert status(world.session(), drift=True).rows[0].drift is None
    assert not pool.isActive()
    assert world.run() == 0
    assert pool.isActive()
    assert not plan(world.session()).plan


def test_connections_to_a_vm_end_when_it_is_suspended(world, monkeypatch):
    assert world.run() == 0
    with tempfile.TemporaryDirectory(dir="/tmp") as short:  # as the paths of sockets have to be
        monkeypatch.setattr(runtime, "_place", lambda: Path(short))
        db, web = (
            shared_ssh.socket(world.host.uri, "shop", world.domain(name).ID()) for name in ("db", "web-1")
        )
        for each in (db, web):
            each.touch()
        assert world.run(change.suspend, "db") == 0
        assert (db.exists(), web.exists()) == (False, True)


@pytest.mark.parametrize("verb", [change.up, change.halt, change.suspend, change.destroy])
def test_a_stopped_pool_is_started_only_after_a_yes(world, verb):
    assert world.run() == 0
    pool = pool_of(world)
    pool.destroy()
    answers = iter([False])
    asked = []

    def confirm(shown):
        asked.append([step.id for step in shown.steps])
        return next(answers)

    events = []
    assert verb(world.session(), [], events.append, confirm).ending is Ending.DECLINED
    assert asked == [["pool/shop"]]
    assert events[0].summary.startswith("the pool labctl-shop is stopped")
    assert not pool.isActive()
    answers = iter([True, False])
    verb(world.session(), [], events.append, confirm)
    assert asked[1] == ["pool/shop"], "all else is asked for when it is known"
    assert pool.isActive()
    assert world.domain("db").isActive()


def pool_of(world):
    return world.host.virt.storagePoolLookupByName("labctl-shop")


def test_a_protected_vm_whose_root_disk_was_lost_is_made_anew(world):
    world.edit("db: {", "db: {protect: true, ")
    assert world.run() == 0
    world.host.virt.storagePoolLookupByName("labctl-shop").storageVolLookupByName("db.root").delete()
    assert "-/+ vm/db  (disk/db/root was lost)" in str(world.plan())
    assert world.run() == 0
    with pytest.raises(Rejected, match="protected"):
        world.run(change.destroy)


def test_up_of_one_vm_brings_what_it_needs_and_no_more(world):
    assert world.run(change.up, "web-1") == 0
    assert world.everything() == {"shop.web-1", "shop.db", "shop.front", "shop.back", "labctl-shop"}


def test_destroy_of_one_vm_keeps_the_rest(world):
    world.run()
    assert world.run(change.destroy, "web") == 0
    assert world.everything() == {"shop.db", "shop.front", "shop.back", "labctl-shop"}


def test_an_unknown_vm_is_named_with_the_nearest(world):
    world.run()
    with pytest.raises(UsageError) as error:
        world.run(change.halt, "wep-1")
    assert "web-1" in error.value.hint


def test_halt_suspend_resume(world):
    world.run()
    assert world.run(change.suspend, "db") == 0
    assert world.domain("db").state()[0] == 3
    assert world.run(change.resume) == 0
    assert world.domain("db").state()[0] == 1
    assert world.run(change.halt) == 0
    assert not any(world.domain(name).isActive() for name in ("db", "web-1", "web-2"))
    assert world.run(change.resume) == 0
    assert [(event.summary, event.hint) for event in world.events if isinstance(event, Diagnostic)] == [
        (
            "db, web-1, web-2 are off, and only what is paused or saved resumes",
            "`labctl up` starts what is off",
        )
    ]
    assert {step.cause for step in world.plan().steps} == {"not in the state that is wanted"}


def test_reload_restarts_what_is_as_wanted(world):
    world.run()
    plan = prepare(world.session(), desired_state.up(), restart=frozenset({Address("vm", "db")})).plan
    assert {step.address: step.action for step in plan.steps} == {Address("vm", "db"): Action.RESTART}
    assert world.run(change.reload, "db") == 0, world.failures()
    assert not world.plan()


def test_protect_refuses_deletion(world):
    world.edit("db: {networks", "db: {protect: true, networks")
    world.run()
    with pytest.raises(Rejected, match="it is protected, and this would delete it"):
        world.run(change.destroy)


def test_shrinking_is_refused_with_the_place(world):
    world.run()
    world.edit("size: 2MiB", "size: 1MiB")
    with pytest.raises(Rejected, match=r"can't shrink from 2MiB to 1MiB"):
        world.run()


def test_the_lock_names_its_holder(world):
    with world.session().locked_lab(), pytest.raises(LabHeld, match=r"PID \d+"):
        world.run()


def test_a_colliding_subnet_names_its_owner(world):
    world.host.virt.networkCreateXML(
        "<network><name>office</name><bridge name='of0'/><ip address='10.90.0.9' netmask='255.255.0.0'/></network>"
    )
    with pytest.raises(
        Rejected,
        match=r"Labfile.yaml:5:19: .* overlaps 10.90.0.0/16, the libvirt network office",
    ):
        world.run()


def test_the_escape_hatch_is_applied_and_is_no_drift(world):
    world.edit(
        "db: {networks",
        "db: {xml: [{at: vcpu, set: '2'}, {at: devices, add: '<watchdog model=\"i6300esb\"/>'}], networks",
    )
    assert world.run() == 0, world.failures()
    root = ET.fromstring(world.domain("db").XMLDesc())
    assert (root.findtext("vcpu"), root.find("devices/watchdog") is not None) == ("2", True)
    assert not world.plan(), str(world.plan())


def test_an_interrupted_run_is_finished_by_the_next(world):
    """A lab cut off after each step: the next `up` converges."""
    whole = len(prepare(world.session(), desired_state.up()).plan.steps)
    for stop in range(whole):
        made = prepare(world.session(), desired_state.up())
        part = replace(made.plan, steps=made.plan.steps[:stop])
        from labctl.engine.execute import execute

        session = world.session()
        execute(part, session.hosts, session.driver, lambda _e: None, session.stop)
        assert world.run() == 0, world.failures()
        assert not world.plan()
        assert world.run(change.destroy) == 0
        assert world.everything() == set()


def test_a_labfile_that_became_wrong_does_not_hold_up_destroy(world):
    world.run()
    world.text = "labfile: 1\nname: shop\nvms: {web: {image: ./gone.qcow2}}\n"
    with pytest.raises(Rejected):
        world.run()
    broken = world.session()
    broken.labfile_optional = True
    assert change.destroy(broken, (), lambda _event: None, lambda _plan: True).ok
    assert world.everything() == set()


def test_a_vm_may_be_called_volume(world):
    """Its disks' files don't meet those of the lab's own volumes."""
    world.text += "  volume: {disks: [{name: data, size: 2MiB}, {name: common, volume: data}]}\n"
    world.text += "volumes: {data: {size: 1MiB}}\n"
    assert world.run() == 0, world.failures()
    assert not world.plan(), str(world.plan())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("db: {networks", "db: {xml: [{at: devices/interface/model/@type, set: e1000}], networks"),
        (
            "front: {",
            "front: {xml: [{at: dns, add: <forwarder addr='192.0.2.1'/>}, {at: domain/@name, set: x.lab}], ",
        ),
        (
            "db: {networks",
            (
                "db: {xml: [{at: devices, add: "
                "\"<interface type='user'><mac address='52:54:00:00:00:99'/></interface>\"}], networks"
            ),
        ),
    ],
    ids=["a NIC", "a network", "a NIC more"],
)
def test_whatever_the_escape_hatch_changes_is_no_drift(world, old, new):
    world.edit(old, new)
    assert world.run() == 0, world.failures()
    assert not world.plan(), str(world.plan())
    macs = [
        each.get("address") for each in ET.fromstring(world.domain("db").XMLDesc()).iterfind("devices/*/mac")
    ]
    assert len(macs) == len(set(macs))  # nor is anything there twice


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "web: {",
            "web: {xml: [{at: devices/foo, remove: true}], ",
            ":8:20: vms.web.xml[0].at: devices/foo finds nothing",
        ),
        (
            "back: {",
            "back: {xml: [{at: foo/@x, set: a}], ",
            ":6:21: networks.back.xml[0].at: foo/@x finds nothing",
        ),
        (
            "web: {",
            "web: {xml: [{at: metadata, remove: true}], ",
            ":8:20: vms.web.xml[0].at: metadata is labctl's own: it says whose this is",
        ),
        (
            "web: {",
            "web: {xml: [{at: ., remove: true}], ",
            ":8:20: vms.web.xml[0].at: the root can't be removed",
        ),
    ],
)
def test_an_edit_that_can_t_be_is_a_problem_of_the_plan(world, old, new, told):
    """Once for a counted VM."""
    world.edit(old, new)
    with pytest.raises(Rejected) as caught:
        world.plan()
    assert [str(each).partition("Labfile.yaml")[2] for each in caught.value.problems] == [told]


def test_a_second_nic_on_a_network_comes_while_it_runs(world):
    """Libvirt knows one reservation by a name."""
    world.text = (
        "labfile: 1\nname: shop\nnetworks: {n: {}}\nvms: {a: {image: none, memory: 64MiB, networks: [n]}}\n"
    )
    assert world.run() == 0, world.failures()
    world.edit("networks: [n]", "state: off, networks: [n, {name: n, nic: m}]")
    assert world.run() == 0, world.failures()
    assert not world.plan(), str(world.plan())


def test_a_bridge_that_another_network_has_is_told(world):
    world.host.virt.networkCreateXML("<network><name>office</name><bridge name='of0'/></network>")
    world.edit("back: {", "back: {bridge: of0, ")
    with pytest.raises(
        Rejected,
        match=r":6:18: networks.back.bridge: its bridge would be called of0, and .* that of the libvirt network office",
    ):
        world.plan()


def test_a_disk_smaller_than_its_image_is_told(world):
    """Once for a counted VM; what lies behind the end would be lost."""
    raw(world.folder / "big.raw", 8 << 20)
    world.edit("web: {", "web: {image: ./big.raw, disks: [{name: d, image: ./big.raw, size: 2MiB}], ")
    with pytest.raises(Rejected) as caught:
        world.plan()
    assert [str(each).partition("Labfile.yaml")[2] for each in caught.value.problems] == [
        ":3:46: vms.web.disk: 1MiB is less than the image's 8MiB (leave it out, or write more)",
        ":8:69: vms.web.disks.d.size: 2MiB is less than the image's 8MiB (leave it out, or write more)",
    ]


def test_short_memory_stops_up_before_the_first_change_and_no_plan(world, monkeypatch):
    monkeypatch.setattr("labctl.app.memory.available", lambda _host: 100 << 20)
    prepared = prepare(world.session(), desired_state.up())
    told = "3 VMs need 192MiB of memory, and the host has 100MiB available"
    assert [problem.summary for problem in prepared.obstacles] == [told]
    assert len(prepared.plan.steps) == 10
    with pytest.raises(Refused, match=told):
        world.run()
    assert world.events[-1].ending is Ending.REFUSED, "who follows the events learns that they end"
    assert world.everything() == set()
    session = world.session()
    session.overcommit = True
    assert change.up(session, (), world.events.append, lambda _plan: True).ok
    assert len(world.everything()) == 6


def test_what_is_protected_stops_a_run_and_no_plan(world):
    world.edit("db: {networks", "db: {protect: true, networks")
    world.run()
    world.edit("  db: {protect: true, networks: [back], disks: [{name: data, size: 2MiB}]}\n", "")
    world.edit(", depends_on: [db]", "")
    prepared = prepare(world.session(), desired_state.up())
    assert actions(prepared.plan)["vm/db"] == "delete"
    assert [problem.summary for problem in prepared.obstacles] == [
        "it is protected, and this would delete it"
    ]
    with pytest.raises(Rejected, match="protected"):
        world.run()
    assert world.domain("db").isActive()
