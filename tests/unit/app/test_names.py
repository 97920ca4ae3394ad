"""The cache of a Labfile's names."""

import os

import pytest

from labctl.app.names import Names, names
from labctl.app.session import Session
from labctl.core.errors import Rejected
from labctl.host.files import kept
from labctl.labfile.load import Loaded
from labctl.labfile.model import Lab

TEXT = "labfile: 1\nname: shop\nvms: {web: {image: none, count: %d}}\n"
TWO = Names("shop", {"web-1": "web", "web-2": "web"})


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(kept, "SETTLED_NS", -(10**9))  # nobody can set a ctime back
    path = tmp_path / "Labfile.yaml"
    path.write_text(TEXT % 2)
    return path


def loads(session: Session) -> bool:
    """Whether asking for the names reads the Labfile."""
    names(session)
    return "loaded" in session.__dict__


def test_they_are_kept_while_the_file_is_the_same(path):
    assert names(Session(source=str(path))) == TWO
    again = Session(source=str(path))
    assert names(again) == TWO
    assert "loaded" not in again.__dict__


def test_an_edit_is_seen(path):
    names(Session(source=str(path)))
    path.write_text(TEXT % 3)
    assert len(names(Session(source=str(path))).vms) == 3


def test_an_edit_that_keeps_size_and_time_is_seen(path):
    names(Session(source=str(path)))
    before = path.stat()
    path.write_text(TEXT % 3)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert len(names(Session(source=str(path))).vms) == 3


def test_a_wrong_labfile_is_not_kept(path):
    path.write_text("labfile: 1\n")
    for _ in range(2):
        with pytest.raises(Rejected):
            names(Session(source=str(path)))


@pytest.mark.parametrize("content", ["", "[]", "{", "{}", "null", "12"])
def test_what_is_not_ours_is_ignored(path, tmp_path, content):
    names(Session(source=str(path)))
    (entry,) = (tmp_path / "cache/labctl/names").iterdir()
    entry.write_text(content)
    assert names(Session(source=str(path))) == TWO


def test_parameters_from_outside_are_not_kept(path, monkeypatch):
    path.write_text("labfile: 1\nname: shop\nparameters: {n: {type: integer, default: 1}}\n")
    names(Session(source=str(path)))
    assert not loads(Session(source=str(path)))
    assert loads(Session(source=str(path), sets={"n": "2"}))
    monkeypatch.setenv("LABCTL_SET_N", "2")
    assert loads(Session(source=str(path)))


def test_a_file_that_was_just_written_is_read_again(path, monkeypatch):
    monkeypatch.setattr(kept, "SETTLED_NS", 2 * 10**9)
    names(Session(source=str(path)))
    assert loads(Session(source=str(path)))


def test_what_libvirt_knows_of_a_broken_labfile_is_not_kept(path):
    """It has no VMs in it."""
    session = Session(source=str(path), labfile_optional=True)
    session.loaded = Loaded(Lab("shop", path, path.parent))
    names(session)
    assert names(Session(source=str(path))) == TWO


def test_a_cache_that_cannot_be_written_is_no_error(path, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert names(Session(source=str(path))) == TWO
