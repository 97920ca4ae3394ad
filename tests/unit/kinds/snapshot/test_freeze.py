"""Which layers are merged once a VM is saved."""

from types import SimpleNamespace

import pytest

from labctl.core import identity
from labctl.core.lifecycle import State
from labctl.host.libvirt import block_commit, volumes
from labctl.kinds.snapshot.freeze import VmToSave, thaw
from labctl.kinds.snapshot.spec import SavedVm

DISK = "/p/web.root"
FIRST, SECOND = (f"/p/{identity.layer_name('web/root')}" for _ in range(2))


@pytest.fixture
def merged(monkeypatch):
    """What was merged, as (top, base), and the volumes that were deleted then."""
    found = []
    monkeypatch.setattr(block_commit, "run", lambda *_, base, top, **__: found.append((top, base)))
    monkeypatch.setattr(volumes, "delete", lambda _pool, name: found.append(name))
    return found


def vm(*files):
    """A running VM with a disk that consists of these files, the top first."""
    below = ""
    for file in reversed(files[1:]):
        below = (
            f"<backingStore type='file'><format type='qcow2'/><source file='{file}'/>{below}</backingStore>"
        )
    disk = f"<disk><source file='{files[0]}'/>{below}<target dev='vda'/></disk>"
    text = f"<domain><devices>{disk}</devices></domain>"
    return VmToSave(SimpleNamespace(XMLDesc=lambda: text), SavedVm("web", State.RUNNING))


def test_what_a_save_put_above_is_merged_down_to_what_it_froze(merged):
    thaw(None, vm(SECOND, FIRST, DISK), None, onto={FIRST})
    assert merged == [(SECOND, FIRST), SECOND.removeprefix("/p/")]


def test_more_than_one_layer_is_merged_at_once(merged):
    """As a try leaves them that lost libvirt."""
    thaw(None, vm(SECOND, FIRST, DISK, "/store/debian.img"), None, onto={DISK})
    assert merged == [(SECOND, DISK), SECOND.removeprefix("/p/"), FIRST.removeprefix("/p/")]


@pytest.mark.parametrize(
    "files",
    [
        (DISK,),
        (DISK, "/store/debian.img"),
        (FIRST, "/p/other"),
        ("/p/foreign", DISK),
        (FIRST, "/p/foreign", DISK),
    ],
)
def test_nothing_else_is_touched(merged, files):
    thaw(None, vm(*files), None, onto={DISK})
    assert merged == []
