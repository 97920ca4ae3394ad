"""What stands against running a plan, and what leaves no plan at all."""

from types import SimpleNamespace

import pytest

from labctl.app import preflight
from labctl.core.address import Address
from labctl.core.errors import Refused
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.engine.allocation import Allocation
from labctl.engine.observe import Observed
from labctl.engine.sources import Sources
from labctl.host.libvirt import pools
from labctl.kinds.image.spec import ImageSpec
from labctl.labfile.load import load
from tests.composed import applied, specs

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
    host = SimpleNamespace(capabilities=able, local=False, virt=None)
    lab = load(str(tmp_path / "Labfile.yaml")).lab
    return SimpleNamespace(lab=lab, host=host, adopt=False, overcommit=True)


@pytest.fixture(autouse=True)
def no_memory_is_known(monkeypatch):
    monkeypatch.setattr("labctl.app.memory.available", lambda _host: None)


def look(session, made):
    return preflight.check(session, made, Observed(), Allocation(), Sources())


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
    session.host.pool_root = tmp_path
    monkeypatch.setattr(pools, "free_space", lambda _folder: 1 << 10)
    session.host.local = True
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
