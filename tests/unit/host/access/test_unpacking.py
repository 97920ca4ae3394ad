"""A guest's archive is written below the folder, and nowhere else."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.access import unpacking
from tests.unit.host.access.test_archive import member, packed

LIMIT = 1 << 20


@pytest.fixture
def folder(tmp_path):
    """It has a file of the user's beside it, which nothing may change."""
    (tmp_path / "mine").write_text("mine")
    inner = tmp_path / "folder"
    inner.mkdir()
    yield inner
    assert (tmp_path / "mine").read_text() == "mine"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "mine"]


def unpack(folder: Path, *infos: tarfile.TarInfo, limit: int = LIMIT) -> tuple[str, ...]:
    return unpacking.unpack(packed(*infos), folder, 0o755, limit)


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    return member(name, kind, linkname=target)


def folder_of(name: str, mode: int = 0o755) -> tarfile.TarInfo:
    return member(name, tarfile.DIRTYPE, mode=mode)


def names(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*"))


def test_links_within_the_folder_stay_and_others_are_left_out(folder):
    within = [link("a/up", "../b"), link("same", "./b"), link("deep", "a/x"), link("a/b/far", "../../b")]
    out = [
        link("root", "/etc/passwd"),
        link("up", "../mine"),
        link("a/up2", "../../mine"),
        link("behind", "a/.."),  # where that leads is known only if `a` is no link
        link("empty", ""),
    ]
    left_out = unpack(folder, *within, *out, member("b", size=1))
    assert set(left_out) == {"root", "up", "a/up2", "behind", "empty"}
    assert names(folder) == ["a", "a/b", "a/b/far", "a/up", "b", "deep", "same"]
    assert (folder / "a" / "up").read_bytes() == b"\0"


def test_a_link_is_left_out_that_another_one_would_lead_outside(folder):
    """One that was there already, as in a repository."""
    (folder / "there").symlink_to("..")
    assert unpack(folder, link("a", "there"), link("b/c", "../there/mine"), link("d", "a")) == ("a", "b/c")
    assert names(folder) == ["b", "d", "there"]
    assert not (folder / "d").exists()


def test_names_are_kept_within_a_bound(folder, monkeypatch):
    monkeypatch.setattr(unpacking, "KEPT_BYTES", 1000)
    unpack(folder, *(link(f"{at}", "x" * 90) for at in range(10)))
    with pytest.raises(LabctlError, match="names"):
        unpack(folder, *(link(f"{at}", "x" * 110) for at in range(10)))


def test_a_folder_that_somebody_else_made_where_all_may_write_is_not_used(folder, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    unpack(folder, member("a"))
    folder.parent.chmod(0o1777)
    with pytest.raises(LabctlError, match="somebody else made this folder"):
        unpack(folder, member("b"))
    assert names(folder) == ["a"]


def test_devices_and_the_like_are_left_out(folder):
    kinds = {"null": tarfile.CHRTYPE, "disk": tarfile.BLKTYPE, "pipe": tarfile.FIFOTYPE, "odd": b"?"}
    assert unpack(folder, *(member(name, kind) for name, kind in kinds.items())) == tuple(kinds)
    assert names(folder) == []


def test_no_link_that_came_is_followed(folder):
    with pytest.raises(LabctlError, match="Is a directory"):
        unpack(folder, link("a", "b"), folder_of("b"), member("a/x"))
    assert names(folder) == ["a", "a/x", "b"]
    (folder / "real").mkdir()
    (folder / "here").symlink_to("real")
    with pytest.raises(LabctlError, match="labctl does not write through the link here"):
        unpack(folder, member("here/x"))
    assert list((folder / "real").iterdir()) == []


def test_no_link_that_was_there_is_written_through(folder):
    (folder / "file").symlink_to("../mine")
    (folder / "sub").symlink_to("..")
    unpack(folder, member("file", size=3))
    assert (folder / "file").read_bytes() == bytes(3)
    for each in (member("sub/mine", size=3), folder_of("sub"), link("sub/x", "y")):
        with pytest.raises(LabctlError, match="labctl does not write through the link sub"):
            unpack(folder, each)


def test_another_name_is_only_of_a_file_that_came(folder):
    (folder / "mine").write_text("mine")
    file, twin = member("a/file", size=2), link("twin", "a/file", tarfile.LNKTYPE)
    assert unpack(folder, link("b", "mine", tarfile.LNKTYPE), file, twin) == ("b",)
    assert (folder / "twin").samefile(folder / "a" / "file")
    with pytest.raises(LabctlError, match="leads out"):
        unpack(folder, link("c", "../mine", tarfile.LNKTYPE))


def test_modes_are_kept_without_special_rights_and_a_closed_folder_gets_its_files(folder):
    unpack(
        folder, folder_of("a", 0o1555), member("a/x", mode=0o6755), folder_of("a/b", 0o500), member("a/b/y")
    )
    modes = {each: (folder / each).stat().st_mode & 0o7777 for each in names(folder)}
    assert modes == {"a": 0o555, "a/x": 0o755, "a/b": 0o500, "a/b/y": 0o644}
    for each in ("a/b", "a"):
        (folder / each).chmod(0o700)


def test_files_are_written_over_and_folders_are_not(folder):
    unpack(folder, member("a", size=1), folder_of("b"))
    unpack(folder, member("a", size=2))
    assert (folder / "a").stat().st_size == 2
    with pytest.raises(LabctlError, match="can't write it"):
        unpack(folder, member("b", size=1))
    with pytest.raises(LabctlError, match="can't write it"):
        unpack(folder, folder_of("a"))


def test_the_bytes_are_bounded_by_what_is_told_before_they_are_written(folder):
    with pytest.raises(LabctlError, match="the guest's files are more than 1MiB"):
        unpack(folder, member("a", size=LIMIT // 2), member("b", size=LIMIT))
    huge = member("c", size=1 << 60).tobuf(tarfile.GNU_FORMAT)
    with pytest.raises(LabctlError, match="the guest's files are more than 1MiB"):
        unpacking.unpack(io.BytesIO(huge), folder, 0o755, LIMIT)
    assert names(folder) == ["a"]


def test_a_file_whose_content_is_missing_is_an_error(folder):
    cut = io.BytesIO(member("a", size=600).tobuf(tarfile.GNU_FORMAT) + bytes(512))
    with pytest.raises(LabctlError, match="became shorter"):
        unpacking.unpack(cut, folder, 0o755, LIMIT)


def test_the_names_that_are_left_out_are_bounded(folder, monkeypatch):
    monkeypatch.setattr(unpacking, "LEFT_OUT", 2)
    assert unpack(folder, *(member(str(each), tarfile.FIFOTYPE) for each in range(5))) == ("0", "1")
