"""Labfile.lock."""

import json
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.labfile.lockfile import Pin, beside, read, write

LOCK = {
    ("debian-12", "x86_64"): Pin("sha512-ab", "https://example.org/a.qcow2", 3 << 30),
    ("debian-12", "aarch64"): Pin("sha512-cd", "https://example.org/b.qcow2", None),
    ("../disks/a.img", "x86_64"): Pin("build-12", "debian-12", 4 << 30),
}


def test_what_is_written_reads_back(tmp_path):
    path = tmp_path / "Labfile.lock"
    assert write(path, LOCK)
    assert read(path) == LOCK


def test_the_same_is_not_written_again(tmp_path):
    """A file that is under version control keeps its time, and a run that pins nothing new touches nothing."""
    path = tmp_path / "Labfile.lock"
    write(path, LOCK)
    before = path.stat()
    assert not write(path, dict(reversed(LOCK.items())))
    assert path.stat() == before


def test_others_may_read_it(tmp_path):
    path = tmp_path / "Labfile.lock"
    write(path, LOCK)
    assert path.stat().st_mode & 0o777 == 0o644


def test_where_there_is_none_nothing_is_pinned(tmp_path):
    assert read(tmp_path / "Labfile.lock") == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
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
        read(path)
    assert caught.value.where == str(path)
    assert "version control" in caught.value.hint
    assert path.read_text() == text


def test_a_folder_that_takes_no_file_is_told(tmp_path):
    with pytest.raises(LabctlError, match="can't write it"):
        write(tmp_path / "nosuch/Labfile.lock", LOCK)


def test_it_is_named_after_its_labfile():
    assert beside(Path("/a/Labfile.yaml")) == Path("/a/Labfile.lock")
    assert beside(Path("/a/class.yaml")) == Path("/a/class.lock")
    assert beside(Path("/a/-")) == Path("/a/Labfile.lock")


def test_people_can_read_it(tmp_path):
    path = tmp_path / "Labfile.lock"
    write(path, LOCK)
    assert json.loads(path.read_text())["images"]["debian-12"]["x86_64"] == {
        "digest": "sha512:ab",
        "origin": "https://example.org/a.qcow2",
        "size": 3 << 30,
    }
