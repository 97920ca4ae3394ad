"""Labfile.lock."""

import json
import os
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.labfile.lockfile import Pin, lock_path, read_lock, write_lock

SHA512 = "ab" * 64
LOCK = {
    ("debian-12", "x86_64"): Pin(f"sha512-{SHA512}", "https://example.org/a.qcow2", 3 << 30),
    ("debian-12", "aarch64"): Pin(f"sha256-{'cd' * 32}", "https://example.org/b.qcow2", None),
    ("../disks/a.img", "x86_64"): Pin(f"build-{'12' * 16}", "debian-12", 4 << 30),
}


def test_what_is_written_reads_back(tmp_path):
    path = tmp_path / "Labfile.lock"
    assert write_lock(path, LOCK)
    assert read_lock(path) == LOCK


def test_the_same_is_not_written_again(tmp_path):
    """A file that is under version control keeps its time, and a run that pins nothing new touches nothing."""
    path = tmp_path / "Labfile.lock"
    write_lock(path, LOCK)
    before = path.stat()
    assert not write_lock(path, dict(reversed(LOCK.items())))
    assert path.stat() == before


def test_others_may_read_it(tmp_path):
    path = tmp_path / "Labfile.lock"
    write_lock(path, LOCK)
    assert path.stat().st_mode & 0o777 == 0o644


def test_where_there_is_none_nothing_is_pinned(tmp_path):
    assert read_lock(tmp_path / "Labfile.lock") == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        '{"lock": 2, "images": {}}',
        '{"lock": 1}',
        '{"lock": 1, "images": {"a": {"x86_64": {}}}}',
        '{"lock": 1, "images": {"a": {"x86_64": {"digest": "ab", "origin": "", "size": 1}}}}',
        '{"lock": 1, "images": {"a": {"x86_64": {"digest": 7, "origin": "", "size": 1}}}}',
    ],
)
def test_a_broken_one_is_an_error_and_never_written_over(tmp_path, text):
    path = tmp_path / "Labfile.lock"
    path.write_text(text)
    with pytest.raises(LabctlError) as caught:
        read_lock(path)
    assert caught.value.where == str(path)
    assert "version control" in caught.value.hint
    assert path.read_text() == text


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": "/srv/my:disk"},  # as a key it would be a path
        {"digest": "sha256:../../../srv/my"},
        {"digest": "md5:" + "a" * 32},
        {"digest": "sha256:" + "A" * 64},
        {"digest": "sha256:" + "a" * 64 + "\n"},
        {"size": "big"},
        {"size": -5},
        {"size": True},
        {"origin": ["a"]},
    ],
)
def test_what_can_be_no_pin_is_refused(tmp_path, wrong):
    """Locks come with other people's Labfiles."""
    pin = {"digest": "sha256:" + "a" * 64, "origin": "https://example.org/a", "size": 1} | wrong
    path = tmp_path / "Labfile.lock"
    path.write_text(json.dumps({"lock": 1, "images": {"a": {"x86_64": pin}}}))
    with pytest.raises(LabctlError, match="wrong or incomplete"):
        read_lock(path)


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(LabctlError, match="No space left"):
        write_lock(tmp_path / "Labfile.lock", LOCK)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (lambda path: path.symlink_to("/etc/passwd"), "it is a link to /etc/passwd"),
        (lambda path: path.symlink_to("missing"), "it is a link to missing"),
        (os.mkfifo, "it is a FIFO, not a file"),
        (Path.mkdir, "it is a folder, not a file"),
        (lambda path: (path.touch(), os.truncate(path, 1 << 40)), "it has more than 4096 KiB"),
    ],
)
def test_what_came_in_its_place_is_neither_read_nor_written_over(tmp_path, plant, told):
    path = tmp_path / "Labfile.lock"
    plant(path)
    before = path.lstat()
    for use in (read_lock, lambda path: write_lock(path, LOCK)):
        with pytest.raises(LabctlError, match=told) as caught:
            use(path)
        assert caught.value.where == str(path)
    after = path.lstat()
    assert (after.st_ino, after.st_mode, after.st_size) == (before.st_ino, before.st_mode, before.st_size)


def test_a_folder_that_takes_no_file_is_told(tmp_path):
    with pytest.raises(LabctlError, match="can't write it"):
        write_lock(tmp_path / "nosuch/Labfile.lock", LOCK)


def test_it_is_named_after_its_labfile():
    assert lock_path(Path("/a/Labfile.yaml")) == Path("/a/Labfile.lock")
    assert lock_path(Path("/a/class.yaml")) == Path("/a/class.lock")
    assert lock_path(Path("/a/-")) == Path("/a/Labfile.lock")


def test_people_can_read_it(tmp_path):
    path = tmp_path / "Labfile.lock"
    write_lock(path, LOCK)
    assert json.loads(path.read_text())["images"]["debian-12"]["x86_64"] == {
        "digest": f"sha512:{SHA512}",
        "origin": "https://example.org/a.qcow2",
        "size": 3 << 30,
    }
