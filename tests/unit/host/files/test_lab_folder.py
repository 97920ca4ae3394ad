"""The folder of a lab that came with a repository: of what is not as labctl makes it nothing is used or deleted."""

import os
import socket
import stat
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.files.lab_folder import LabFolder

SECRET = b"what root alone may read\n"
OTHER = 54321  # a user without a name


@pytest.fixture
def outside(tmp_path):
    """What an attack aims at: a tree with the names of labctl's files, open to others."""
    top = tmp_path / "outside"
    (top / "documents/host-keys").mkdir(parents=True)
    for name in ("id_ed25519", "id_ed25519.pub", "digest.key", "host-keys/web", "letter.txt"):
        (top / "documents" / name).write_bytes(SECRET)
    (top / "documents/id_ed25519").chmod(0o600)
    return top


@pytest.fixture
def folder(tmp_path):
    """A lab called `documents`, as labctl made it."""
    beside = tmp_path / "project"
    beside.mkdir()
    made = LabFolder(beside, "documents")
    for name in ("id_ed25519", "id_ed25519.pub", "digest.key", "host-keys/web", "host-keys/web.pub"):
        made.write(name, b"own")
    return made


def tree(top: Path) -> dict[str, tuple[int, int, bytes]]:
    """Modes, links and contents of all that is there."""
    every = {str(path): path for path in (top, *top.rglob("*"))}
    return {
        name: (path.lstat().st_mode, path.lstat().st_nlink, path.read_bytes() if path.is_file() else b"")
        for name, path in every.items()
    }


def moved(path: Path) -> Path:
    """Make place for what is planted."""
    path.rename(path.with_name(f"{path.name}-of-labctl"))
    return path


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path is short
        server.bind(path.name)
        os.chdir(here)


def hard_link(path: Path, outside: Path) -> None:
    path.hardlink_to(outside / "documents/id_ed25519")


ANY = {  # what may be in the place of a folder or a file
    "a link to another folder": lambda path, outside: path.symlink_to(outside),
    "a link up": lambda path, _outside: path.symlink_to("../../outside"),
    "a link to a file": lambda path, outside: path.symlink_to(outside / "documents/id_ed25519"),
    "a link to nothing": lambda path, _outside: path.symlink_to("nothing"),
    "a FIFO": lambda path, _outside: os.mkfifo(path, 0o600),
    "a socket": lambda path, _outside: listening(path),
}
FILES = {
    **ANY,
    "a folder": lambda path, _outside: path.mkdir(0o700),
    "a hard link": hard_link,
    "a clone's": lambda path, _outside: path.write_bytes(b"x"),
    "another's": lambda path, _outside: (path.touch(0o600), os.chown(path, OTHER, OTHER)),
}
FOLDERS = {
    **ANY,
    "a file": lambda path, _outside: path.touch(0o600),
    "open to write": lambda path, _outside: (path.mkdir(), path.chmod(0o777)),
    "another's": lambda path, _outside: (path.mkdir(0o700), os.chown(path, OTHER, OTHER)),
}
PLACES = [
    *((".labctl", each, plant) for each, plant in FOLDERS.items()),
    *((f".labctl/{name}", each, FOLDERS[each]) for name in ("documents", "documents/host-keys") for each in FOLDERS),
    *((f".labctl/documents/{name}", each, FILES[each]) for name in ("id_ed25519", "host-keys/web") for each in FILES),
    (".labctl/documents", "a clone's", lambda path, _outside: (path.mkdir(), path.chmod(0o755))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("place", "what", "plant"), PLACES, ids=lambda each: each if isinstance(each, str) else ""
)
def test_what_is_not_as_labctl_makes_it_is_an_error_that_names_it(folder, outside, place, what, plant):
    """Nothing outside is read, made private or deleted, and what was planted stays as it is."""
    path = folder.path.parents[1] / place
    plant(moved(path), outside)
    before, planted = tree(outside), path.lstat()

    def used(_folder: str, _temporary: str) -> None:
        pytest.fail("a program was let in")

    name = "host-keys/web" if "host-keys" in place else "id_ed25519"
    uses = [lambda: folder.read(name), lambda: folder.write(name, b"new"), lambda: folder.remove(name)]
    if not place.endswith(name):
        uses.append(lambda: folder.generate(name, ("",), used))
    for use in uses:
        with pytest.raises(LabctlError, match=r"labctl does not use it: (it is|it has|others)") as caught:
            use()
        assert caught.value.where == str(path)
        assert "look at it, then remove it" in caught.value.hint
    cleared = folder.clear()
    assert not cleared.removed
    assert str(path) in {each.where for each in cleared.stays}
    assert tree(outside) == before
    assert stat.S_IMODE(path.lstat().st_mode) == stat.S_IMODE(planted.st_mode)
    assert path.lstat().st_ino == planted.st_ino


def test_a_link_is_told_with_where_it_leads(folder):
    path = folder.path / "digest.key"
    path.unlink()
    path.symlink_to("/etc/shadow")
    with pytest.raises(LabctlError, match="it is a link to /etc/shadow"):
        folder.read("digest.key")


def test_all_is_for_its_owner_alone_whatever_the_umask(tmp_path):
    before = os.umask(0o277)
    try:
        folder = LabFolder(tmp_path, "shop")
        folder.write("host-keys/web", b"key")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / ".labctl").rglob("*")}
    assert modes == {".gitignore": 0o600, "shop": 0o700, "host-keys": 0o700, "web": 0o600}
    assert stat.S_IMODE((tmp_path / ".labctl").stat().st_mode) == 0o700


def test_nothing_of_it_is_committed(folder):
    assert (folder.path.parent / ".gitignore").read_text() == "*\n"


def test_what_labctl_made_goes_with_its_folders(folder):
    (folder.path / ".digest.key.0123456789abcdef").touch(0o600)  # of a run that was killed
    (folder.path / "host-keys/.web.0123456789abcdef.pub").touch(0o600)
    assert folder.clear().removed
    assert not folder.path.parent.exists()
    assert folder.clear() == type(folder.clear())()


def test_what_labctl_did_not_make_stays_and_is_named(folder):
    (folder.path / "notes.txt").write_text("mine")
    (folder.path / "host-keys/old").mkdir()
    cleared = folder.clear()
    assert [each.where for each in cleared.stays] == [
        str(folder.path / "host-keys/old"),
        str(folder.path / "notes.txt"),
    ]
    assert sorted(path.name for path in folder.path.rglob("*")) == ["host-keys", "notes.txt", "old"]


def test_other_labs_keep_theirs(folder):
    other = LabFolder(folder.path.parents[1], "other")
    other.write("digest.key", b"other")
    assert folder.clear().removed
    assert other.read("digest.key") == b"other"
    assert (other.path.parent / ".gitignore").exists()


@pytest.mark.parametrize("left", [".labctl", ".labctl/documents", ".labctl/documents/host-keys"])
def test_a_removal_that_broke_off_is_finished(tmp_path, left):
    (tmp_path / left).mkdir(parents=True)
    for path in (tmp_path / ".labctl").rglob("*"):
        path.chmod(0o700)
    LabFolder(tmp_path, "documents").clear()
    assert not (tmp_path / ".labctl").exists()


def test_a_file_of_any_size_is_not_read(folder):
    os.truncate(folder.path / "digest.key", 1 << 40)
    with pytest.raises(LabctlError, match="more than 1024 KiB"):
        folder.read("digest.key")


def test_a_full_disk_is_told_and_leaves_what_was_there(folder, monkeypatch):
    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(LabctlError, match="no space left") as caught:
        folder.write("digest.key", b"new")
    assert caught.value.where == str(folder.path / "digest.key")
    assert folder.read("digest.key") == b"own"
    assert not list(folder.path.glob(".*"))


def test_public_keys_that_an_earlier_version_made_are_used(folder):
    """Others could read them, but for the folder."""
    folder.path.parent.chmod(0o755)
    (folder.path / "id_ed25519.pub").chmod(0o644)
    assert folder.read("id_ed25519.pub") == b"own"
