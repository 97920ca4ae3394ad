"""Volumes that libvirt need not be asked about again, on the real API; the files are the test's own."""

import os

import pytest

from labctl.core.errors import LabctlError
from labctl.host.files import kept
from labctl.host.files.readings import Readings
from labctl.host.libvirt import pools, volumes
from labctl.host.libvirt.connection import Connection
from tests.libvirt.conftest import NODE

POOL = "<pool type='dir'><name>again</name><target><path>{}</path></target></pool>"
VOLUME = "<volume><name>{}</name><capacity>{}</capacity><target><format type='qcow2'/></target></volume>"


@pytest.fixture
def pool(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "SETTLED_NS", -(10**9))  # nobody can set a ctime back
    folder = tmp_path / "pool"
    folder.mkdir()
    connection = Connection(NODE)
    pool = connection.virt.storagePoolDefineXML(POOL.format(folder))
    pool.create()
    for name in ("a", "b"):
        pool.createXML(VOLUME.format(name, 1 << 20))
        (folder / name).write_text(name)
    yield pool
    connection.close()


@pytest.fixture
def look(pool, tmp_path, monkeypatch):
    """A run's look: what it found by name, and which volumes it asked libvirt about."""
    dumps = volumes.dumps

    def look():
        asked = []
        monkeypatch.setattr(
            volumes, "dumps", lambda handles: asked.extend(each.name() for each in handles) or dumps(handles)
        )
        with Readings(str(tmp_path / "kept"), (volumes.Facts,)) as readings:
            found = volumes.facts_again(pool, pools.text(pool), str(tmp_path / "pool"), readings)
        assert sorted(found, key=lambda each: each.name) == volumes.facts(pool)
        return {each.name for each in found}, sorted(asked[: len(asked) - len(found)])

    return look


def test_a_file_that_is_the_same_is_not_asked_about(look):
    assert look() == ({"a", "b"}, ["a", "b"])
    assert look() == ({"a", "b"}, [])


def test_one_that_changed_is(look, tmp_path):
    look()
    file = tmp_path / "pool/a"
    before = file.stat()
    file.write_text("z")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert look() == ({"a", "b"}, ["a"])
    assert look() == ({"a", "b"}, [])


def test_one_that_was_put_in_its_place_is(look, tmp_path):
    look()
    (tmp_path / "pool/a").rename(tmp_path / "pool/was")
    (tmp_path / "pool/b").rename(tmp_path / "pool/a")
    assert look() == ({"a", "b"}, ["a", "b"]), "b is gone, and libvirt has not noticed"


def test_one_that_was_just_written_to_is_asked_about_in_each_run(look, monkeypatch):
    monkeypatch.setattr(kept, "SETTLED_NS", 2 * 10**9)
    assert look() == look() == ({"a", "b"}, ["a", "b"])


def test_all_are_asked_about_when_libvirt_counted_the_pool_anew(look, pool):
    """As after a refresh, in which it learns what lies under a volume that someone changed by hand."""
    look()
    pool.createXML(VOLUME.format("c", 1 << 30))
    assert look() == ({"a", "b", "c"}, ["a", "b", "c"])


def test_which_there_are_is_what_libvirt_says(look, pool):
    look()
    pool.storageVolLookupByName("a").delete()
    assert look() == ({"b"}, ["b"]), "the pool's space was counted anew"
    assert look() == ({"b"}, [])
    pool.createXML(VOLUME.format("c", 1 << 20))
    assert look() == ({"b", "c"}, ["b", "c"])
    assert look() == ({"b", "c"}, ["c"]), "there is no such file here"


def test_one_that_seemed_to_go_is_asked_about_again(look, pool, tmp_path, monkeypatch):
    with monkeypatch.context() as patch, Readings(str(tmp_path / "kept"), (volumes.Facts,)) as readings:
        patch.setattr(volumes, "dumps", lambda handles: [None for _ in handles])
        assert volumes.facts_again(pool, pools.text(pool), str(tmp_path / "pool"), readings) == []
    assert look() == ({"a", "b"}, ["a", "b"])


def test_a_link_to_something_else_than_a_file_is_asked_about_in_each_run(look, tmp_path):
    (tmp_path / "pool/a").unlink()
    (tmp_path / "pool/a").symlink_to("/dev/null")
    assert look() == ({"a", "b"}, ["a", "b"])
    assert look() == ({"a", "b"}, ["a"])


def test_a_pool_that_cannot_be_listed_is_an_error(pool, tmp_path):
    pool.destroy()
    with pytest.raises(LabctlError, match="again: can't list the volumes"), Readings(None) as readings:
        volumes.facts_again(pool, pools.text(pool), str(tmp_path), readings)
