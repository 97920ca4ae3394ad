"""When a save to the store counts as done."""

from types import SimpleNamespace

import pytest

from labctl.core.errors import LabctlError
from labctl.core.lifecycle import State
from labctl.host.libvirt import pools, volumes
from labctl.host.libvirt.parallel import CallsInFlight
from labctl.host.libvirt.volumes import Facts
from labctl.kinds.snapshot.freeze import VmToSave
from labctl.kinds.snapshot.spec import SavedVm
from labctl.kinds.warm import description, save, states
from labctl.kinds.warm.spec import WarmSpec, WarmVm
from tests.unit.kinds.warm.conftest import KEY, START

SPEC = WarmSpec("shop", KEY, vms=(WarmVm("web"),))
PARTS = {f"{START}memory.web", f"{START}web._nvram"}


@pytest.fixture
def store(monkeypatch):
    """The names of the volumes in the store, to which a VM with UEFI is saved."""
    there: set[str] = set()
    vm = VmToSave(None, SavedVm("web", State.RUNNING, memory=f"{START}memory.web", definition="<domain/>"))
    monkeypatch.setattr(save, "_vms", lambda *_: [vm])
    for name in ("_thaw", "_check_room"):
        monkeypatch.setattr(save, name, lambda *_: None)
    monkeypatch.setattr(save, "_frozen", lambda *_: there.update(PARTS) or 0.1)
    monkeypatch.setattr(save, "_variables", lambda *_: ["web._nvram"])
    monkeypatch.setattr(pools, "refresh", lambda _pool: None)
    monkeypatch.setattr(pools, "path", lambda _pool: "/store")
    monkeypatch.setattr(volumes, "names", lambda _pool: set(there))
    monkeypatch.setattr(volumes, "facts", lambda *_: [Facts(each, allocation=9) for each in there])
    monkeypatch.setattr(volumes, "stamps", lambda _pool, names, _parts: dict.fromkeys(there & {*names}, "1"))
    monkeypatch.setattr(volumes, "delete", lambda _pool, name: there.discard(name))
    monkeypatch.setattr(volumes, "upload", lambda _virt, _pool, name, *_, **__: there.add(name))
    return there


def saved():
    connection = SimpleNamespace(in_parallel=CallsInFlight(1).each)
    host = SimpleNamespace(virt=None, pool=lambda name: name, connection=connection)
    tell = SimpleNamespace(progress=print, note=print, to_the_end=lambda: None)
    save.save(host, SimpleNamespace(host=lambda _vm: ("PRIVATE", "public")), SPEC, tell)


def test_all_of_its_parts_are_there(store):
    saved()
    assert store == PARTS | {f"{START}description"}


@pytest.mark.parametrize("part", sorted(PARTS))
def test_one_of_which_a_part_is_gone_is_none(store, monkeypatch, part):
    """Each later `up` would begin with it, and fail."""
    monkeypatch.setattr(save, "_frozen", lambda *_: store.update(PARTS - {part}) or 0.1)
    with pytest.raises(LabctlError, match=rf"{part} went from /store meanwhile"):
        saved()
    assert store == set()


@pytest.mark.parametrize("failed", [LabctlError("no space left"), KeyboardInterrupt()])
def test_one_that_failed_leaves_nothing_that_libvirt_did_not_notice(store, monkeypatch, failed):
    written = {f"{START}memory.web"}

    def frozen(*_arguments):
        monkeypatch.setattr(pools, "refresh", lambda _pool: store.update(written))
        raise failed

    monkeypatch.setattr(volumes, "delete", lambda _pool, name: (store.discard(name), written.discard(name)))
    monkeypatch.setattr(save, "_frozen", frozen)
    with pytest.raises(type(failed)):
        saved()
    assert (store, written) == (set(), set())


def test_what_failed_first_is_the_error(store, monkeypatch):
    def fails(text):
        def fail(*_arguments):
            raise LabctlError(text)

        return fail

    def frozen(*_arguments):
        monkeypatch.setattr(states, "sweep", fails("libvirt is gone"))
        fails("no space left")()

    monkeypatch.setattr(save, "_frozen", frozen)
    with pytest.raises(LabctlError, match="no space left"):
        saved()
    assert store == set()


def test_its_description_can_be_read(store, monkeypatch):
    written = []
    monkeypatch.setattr(volumes, "upload", lambda _virt, _pool, _name, content, **_: written.append(content))
    saved()
    read = description.read("shop", KEY, written[0])
    assert (read.problem, dict(read.stamps), read.vms[0].bytes) == ("", dict.fromkeys(PARTS, "1"), 9)
    assert store == PARTS
