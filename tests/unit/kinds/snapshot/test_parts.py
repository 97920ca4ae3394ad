"""Which volumes and files are of a snapshot."""

import pytest

from labctl.host.libvirt import volumes
from labctl.kinds.snapshot import parts
from tests.unit.kinds.snapshot.conftest import POOL

OWN = {"_snapshot.s1.memory.web", "_snapshot.s1.copy.web.seed"}


def test_its_volumes_are_the_memory_and_the_copies_and_its_disks_are_layers(snapshot):
    assert parts.names(snapshot) == OWN
    assert parts.layer_paths(snapshot) == {f"{POOL}/web.root", f"{POOL}/db.root"}


def test_all_of_them_are_deleted_and_the_description_last(snapshot, monkeypatch):
    """A run that is killed before can be done again: the description still says what there is to delete."""
    gone = []
    monkeypatch.setattr(volumes, "delete", lambda _pool, name: gone.append(name))
    parts.delete(None, snapshot)
    assert set(gone) == {*OWN, "_snapshot.s1.description"}
    assert gone[-1] == "_snapshot.s1.description"


@pytest.mark.parametrize("failing", sorted(OWN))
def test_where_one_cant_be_deleted_the_description_stays(snapshot, monkeypatch, failing):
    gone = []

    def delete(_pool, name):
        if name == failing:
            raise OSError(name)
        gone.append(name)

    monkeypatch.setattr(volumes, "delete", delete)
    with pytest.raises(OSError, match=failing):
        parts.delete(None, snapshot)
    assert "_snapshot.s1.description" not in gone
