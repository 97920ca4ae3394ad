"""Memory that the host has not got stops a run, and no look at the plan."""

import pytest

from labctl.app import memory
from labctl.core.lifecycle import State
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.host.hosts import Hosts
from labctl.kinds.image.spec import ImageSpec
from labctl.kinds.snapshot.spec import SnapshotSpec
from labctl.labfile.load import load
from tests.composed import applied, specs

MIB = 1 << 20
IMAGE = ImageSpec("debian-12", "sha256-0", memory=512 * MIB)
CONTENT = """\
labfile: 1
name: shop
vms:
  web: {count: 5, image: debian-12, memory: 256MiB}
  db: {image: debian-12}
  old: {image: debian-12, memory: 400MiB, state: "off"}
"""


class Session:
    """As much of one as is looked at; `free` is the host's memory in bytes."""

    overcommit = False
    inside = False

    def __init__(self, tmp_path, free=None):
        (tmp_path / "Labfile.yaml").write_text(CONTENT)
        self.lab = load(str(tmp_path / "Labfile.yaml")).lab
        self.hosts = Hosts(self)
        self.virt = self
        self.free = free

    def getMemoryStats(self, _cell):  # noqa: N802  # libvirt's name
        return {"total": 1 << 40, "free": self.free >> 10, "buffers": 0, "cached": 0}


@pytest.fixture
def content():
    import yaml

    return {key: value for key, value in yaml.safe_load(CONTENT).items() if key == "vms"}


def told(problems):
    return [(problem.path, problem.summary) for problem in problems]


def test_what_is_kept_of_translated_code_is_counted(tmp_path, content):
    """Of an emulated VM that starts; one that runs without a bound takes no more for getting one."""
    emulated = {"vms": {name: {**vm, "accel": "tcg"} for name, vm in content["vms"].items()}}
    wanted = specs(emulated)
    session = Session(tmp_path, free=2304 * MIB)
    (summary,) = [each.summary for each in memory.shortage(session, plan(wanted, {}))]
    assert summary.startswith(f"6 VMs need {2304 + 5 * 64 + 256}MiB of memory")
    unbounded = {
        address: replace(spec, tb_cache=None) if address.kind == "vm" else spec
        for address, spec in applied(wanted).items()
    }
    session.free = 0
    assert not told(memory.shortage(session, plan(wanted, unbounded)))


def test_what_starts_is_summed_up_and_told_once(tmp_path, content):
    """Five VMs of 256 MiB and one of 1 GiB; that which stays off takes nothing."""
    session = Session(tmp_path, free=2000 * MIB)
    made = plan(specs(content), {})
    assert told(memory.shortage(session, made)) == [
        ("vms.db.memory", "6 VMs need 2304MiB of memory, and the host has 2000MiB available")
    ]
    session.free = 2304 * MIB
    assert not told(memory.shortage(session, made))


def test_who_wants_to_go_on_is_not_stopped(tmp_path, content):
    session = Session(tmp_path, free=0)
    session.overcommit = True
    assert not told(memory.shortage(session, plan(specs(content), {})))


def test_a_vm_that_runs_counts_with_what_it_grows_by(tmp_path, content):
    session = Session(tmp_path, free=1023 * MIB)
    there = applied(specs(content))
    content["vms"]["db"]["memory"] = "2GiB"
    made = plan(specs(content, there), there)
    assert told(memory.shortage(session, made)) == [
        ("vms.db.memory", "it needs 1GiB of memory, and the host has 1023MiB available")
    ]
    off = {
        address: replace(spec, state="off") if address.kind == "vm" else spec
        for address, spec in there.items()
    }
    assert not told(memory.shortage(session, plan(off, there))), "halt takes none"


def test_saved_memory_is_none_of_the_host_s_until_it_is_restored(tmp_path, content):
    session = Session(tmp_path, free=1023 * MIB)
    there = applied(specs(content))
    saved = {
        address: replace(spec, state=State.SAVED) if str(address) == "vm/db" else spec
        for address, spec in there.items()
    }
    assert told(memory.shortage(session, plan(specs(content, saved), saved))) == [
        ("vms.db.memory", "it needs 1GiB of memory, and the host has 1023MiB available")
    ]
    assert not told(memory.shortage(session, plan(saved, saved)))


def test_an_image_that_wants_more_is_told_of_once(tmp_path, content):
    session = Session(tmp_path)
    sources = type("Sources", (), {"images": {0: IMAGE}})
    made = plan(specs(content), {})
    assert told(memory.below_needs(session, made, sources)) == [
        ("vms", "debian-12 needs 512MiB of memory to start well, and old, web-1 … web-5 have less")
    ]
    del content["vms"]["old"]
    assert told(memory.below_needs(session, plan(specs(content), {}), sources)) == [
        ("vms.web.memory", "debian-12 needs 512MiB of memory to start well, and web-1 … web-5 have less")
    ]


def test_the_memory_that_a_restore_brings_back_is_counted(tmp_path):
    session = Session(tmp_path, free=1023 * MIB)
    there = SnapshotSpec("shop", "s1")
    made = plan({there.address: replace(there, restored=True, growth=1024 * MIB)}, {there.address: there})
    (problem,) = memory.shortage(session, made)
    assert (problem.path, problem.where) == ("snapshot/s1", None)
    assert problem.summary == "it needs 1GiB of memory, and the host has 1023MiB available"
    assert problem.hint == "halt another lab, or go on with --overcommit"


@pytest.mark.parametrize(("left", "has"), [(600 * MIB, "600MiB"), (None, "1023MiB"), (4096 * MIB, "1023MiB")])
def test_in_a_users_own_libvirt_what_the_user_may_have_counts(tmp_path, monkeypatch, left, has):
    monkeypatch.setattr(memory.outside, "memory_left", lambda: left)
    session = Session(tmp_path, free=1023 * MIB)
    session.inside = True
    there = SnapshotSpec("shop", "s1")
    made = plan({there.address: replace(there, restored=True, growth=2048 * MIB)}, {there.address: there})
    (problem,) = memory.shortage(session, made)
    assert problem.summary == f"it needs 2GiB of memory, and the host has {has} available"
