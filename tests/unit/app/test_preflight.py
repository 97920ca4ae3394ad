"""What stands against running a plan, and what leaves no plan at all."""

from types import SimpleNamespace

import pytest

from labctl.app import hardware, preflight
from labctl.core.address import Address
from labctl.core.errors import Problem, Refused, Rejected
from labctl.core.identity import object_uuid
from labctl.core.marked import Foreign
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.engine.allocation import Allocation
from labctl.engine.observe import Observed
from labctl.engine.sources import Sources
from labctl.host.hosts import Hosts
from labctl.host.libvirt import pools
from labctl.kinds.image.spec import ImageSpec
from labctl.labfile.load import load
from tests.composed import applied, specs
from tests.madeup import MadeUpHost

CONTENT = """\
labfile: 1
name: shop
vms:
  web: {count: 5, image: none, accel: kvm}
  db: {image: none, protect: true}
"""


@pytest.fixture
def content():
    import yaml

    return {"vms": yaml.safe_load(CONTENT)["vms"]}


@pytest.fixture
def session(tmp_path):
    """On a host without KVM whose memory nobody knows."""
    (tmp_path / "Labfile.yaml").write_text(CONTENT)
    able = SimpleNamespace(kvm=False, types=frozenset({"qemu"}))
    host = MadeUpHost(capabilities=able, local=False, virt=None)
    lab = load(str(tmp_path / "Labfile.yaml")).lab
    return SimpleNamespace(lab=lab, hosts=Hosts(host), adopt=False, overcommit=True)


@pytest.fixture(autouse=True)
def no_memory_is_known(monkeypatch):
    monkeypatch.setattr("labctl.app.memory.available", lambda _host: None)


def look(session, made, observed=None, allocation=None):
    return preflight.check(session, made, observed or Observed(), allocation or Allocation(), Sources())


def summaries(problems):
    return [problem.summary for problem in problems]


def test_without_kvm_a_vm_that_insists_on_it_stops_a_run_and_no_plan(session, content):
    found = look(session, plan(specs(content), {}))
    assert found.errors == found.warnings == ()
    assert summaries(found.obstacles) == ["this host has no usable KVM, so web-1 … web-5 can't start"]
    with pytest.raises(Refused):
        preflight.refuse(found.obstacles)


def test_halt_needs_no_kvm(session, content):
    there = applied(specs(content))
    off = {a: replace(spec, state="off") if a.kind == "vm" else spec for a, spec in there.items()}
    assert look(session, plan(off, there)).obstacles == ()


def test_what_is_protected_stops_a_run_and_no_plan(session, content):
    there = applied(specs(content))
    rest = {address: spec for address, spec in there.items() if address != Address("vm", "db")}
    found = look(session, plan(rest, there))
    assert (found.errors, summaries(found.obstacles)) == ((), ["it is protected, and this would delete it"])


def test_images_without_room_stop_a_run_and_no_plan(session, tmp_path, monkeypatch):
    (tmp_path / "big.img").write_bytes(bytes(1 << 20))
    image = ImageSpec("big", "sha256-0", "path", str(tmp_path / "big.img"))
    (host,) = session.hosts
    host.pool_root = tmp_path
    monkeypatch.setattr(pools, "free_space", lambda _folder: 1 << 10)
    host.local = True
    found = look(session, plan({image.address: image}, {}))
    assert found.errors == ()
    assert summaries(found.obstacles)[0].startswith("the images to store take 1MiB, and 0B are free in")


def test_the_same_of_many_is_told_once_with_their_names(session, content):
    """Here of disks that can't shrink, each an instance's."""
    session.lab = replace(session.lab, vms=())
    content["vms"] = {"web": {"count": 5, "image": "none", "disk": "2GiB"}}
    there = applied(specs(content))
    content["vms"]["web"]["disk"] = "1GiB"
    (problem,) = look(session, plan(specs(content, there), there)).errors
    assert problem.path == "disk/web-1/root … disk/web-5/root"
    assert problem.summary.startswith("can't shrink from 2GiB to 1GiB")


def others(kind, name, **more):
    """What is there and is not the lab's."""
    uuid = more.pop("uuid", "another's")
    return Observed(foreign=(Foreign(kind, name, uuid, host=MadeUpHost.uri, **more),))


def test_a_name_that_somebody_else_has_leaves_no_plan(session, content):
    made = plan(specs(content), {})
    (problem,) = look(session, made, others("domain", "shop.db")).errors
    assert problem.summary == "a domain of that name, shop.db, exists and was not made by labctl"
    assert (problem.path, problem.severity) == ("vms.db", preflight.FOREIGN)
    assert "virsh undefine shop.db" in problem.hint
    assert look(session, made, others("network", "shop.db")).errors == ()


def test_what_is_the_labs_by_its_uuid_alone_is_told_apart(session, content):
    """Someone removed labctl's mark and renamed it: it must be named back, and no second one made."""
    uuid = object_uuid("shop", "vm", "db")
    (problem,) = look(session, plan(specs(content), {}), others("domain", "mine", uuid=uuid)).errors
    assert problem.summary == "the domain mine has its UUID, and labctl's mark on it was removed"
    assert problem.hint.startswith("rename it back with `virsh domrename mine shop.db`")


def test_a_lab_of_that_name_from_another_labfile_has_to_be_adopted(session, content):
    there = applied(specs(content))
    db = Address("vm", "db")
    observed = Observed(specs={**there, db: replace(there[db], file="/labs/other.yaml")})
    (problem,) = look(session, plan(there, there), observed).errors
    assert problem.summary == "a lab called shop exists, made from /labs/other.yaml"
    session.adopt = True
    assert look(session, plan(there, there), observed).errors == ()


def test_a_pool_in_another_folder_is_somebody_elses(session, content):
    made = plan(specs(content), {})
    (problem,) = look(session, made, Observed(folder="/srv/mine")).errors
    assert (
        problem.summary
        == "a storage pool of that name, labctl-shop, is in /srv/mine and was not made by labctl"
    )
    assert look(session, made, Observed(folder="/srv/labctl-shop")).errors == ()


def test_a_bridge_that_another_network_has_is_told_to_who_would_make_it(session, content):
    content["networks"] = {"front": {"subnet": "10.0.0.0/24", "bridge": "lab-x"}}
    wanted = specs(content)
    taken = others("network", "default", bridge="lab-x")
    (problem,) = look(session, plan(wanted, {}), taken).errors
    assert problem.summary.endswith(
        "would be called lab-x, and this name is that of the libvirt network default"
    )
    assert problem.path == "networks.front.bridge"
    assert look(session, plan(wanted, wanted), taken).errors == (), "it is there already"


def test_a_mac_that_another_domain_has_is_told_to_who_would_get_it(session, content):
    mac = "52:54:00:00:00:99"
    allocation = Allocation(
        nics={("db", "front"): SimpleNamespace(mac=mac), ("gone", "front"): SimpleNamespace(mac=mac)}
    )
    (problem,) = look(
        session, plan(specs(content), {}), others("domain", "x", macs=(mac,)), allocation
    ).errors
    assert (problem.summary, problem.path) == (
        f"the MAC {mac} is that of the domain x",
        "vms.db.networks.front",
    )


def test_without_kvm_those_that_do_not_insist_are_told_that_they_are_emulated(session, content, monkeypatch):
    monkeypatch.setattr(hardware, "check", lambda *_: ())  # which would ask libvirt
    db = Address("vm", "db")
    emulated = {db: replace(specs(content)[db], accel="tcg")}
    (note,) = look(session, plan(emulated, {})).warnings
    assert (note.severity, note.summary[:20]) == ("note", "no usable KVM here: ")
    assert look(session, plan({db: replace(emulated[db], state="off")}, {})).warnings == (), (
        "it does not start"
    )


def test_what_stands_against_it_is_no_fault_of_the_labfile_unless_all_is():
    """Refused says that the same Labfile will do another time, Rejected that it has to be edited."""
    there = Problem("it is there", severity=preflight.FOREIGN)
    preflight.refuse([])
    for problems, kind in (([there], Refused), ([there, Problem("it is wrong")], Rejected)):
        with pytest.raises(Rejected) as refused:
            preflight.refuse(problems)
        assert type(refused.value) is kind
