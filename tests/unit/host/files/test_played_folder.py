"""The digest and the private copy of a folder."""

import os

import pytest

from labctl.core.errors import LabctlError
from labctl.host.files import played_folder


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "play"
    (made / "roles/x").mkdir(parents=True)
    (made / "roles/x/main.yml").write_text("a")
    (made / "link").symlink_to("roles/x")
    return made


def copy(folder, without=()):
    to = folder.parent / f"copy-{len(list(folder.parent.iterdir()))}"
    to.mkdir()
    digest = played_folder.copied(folder, to, without)
    return digest, sorted(str(each.relative_to(to)) for each in to.rglob("*"))


def test_the_copy_has_what_the_digest_counts(folder):
    (folder / "roles/x/run").write_text("#!/bin/sh")
    (folder / "roles/x/run").chmod(0o755)
    digest, names = copy(folder)
    assert digest == played_folder.digest(folder)
    assert names == ["link", "roles", "roles/x", "roles/x/main.yml", "roles/x/run"]  # as folders are needed
    to = folder.parent / "copy-1"
    assert os.access(to / "link/run", os.X_OK)
    assert digest == played_folder.digest(to)


def test_each_change_is_another_digest(folder):
    seen = {played_folder.digest(folder)}
    page = folder / "roles/x/main.yml"
    for change in (
        lambda: page.write_text("b"),
        lambda: page.chmod(0o700),
        (folder / ".bashrc").touch,
        (folder / "link").unlink,
        lambda: (folder / "link").symlink_to("roles"),
    ):
        change()
        digest = played_folder.digest(folder)
        assert digest not in seen
        seen.add(digest)


def test_what_is_left_out_is_neither_counted_nor_copied(folder):
    before, names = copy(folder)
    for name in (".git", ".labctl", ".venv", "roles/__pycache__", "roles/.git", "out"):
        (folder / name).mkdir()
        (folder / name / "file").touch()
    (folder / ".venv/python").symlink_to("/usr/bin/python3")
    os.mkfifo(folder / "pipe")
    assert copy(folder, [folder / "out"]) == (before, names)


@pytest.mark.parametrize("target", ["/etc/passwd", "../secret", "../play/roles", "link/../../../secret"])
def test_a_link_that_leads_out_is_refused(folder, target):
    (folder.parent / "secret").touch()
    (folder / "roles/there").mkdir()
    (folder / "bad").symlink_to(target)
    for use in (played_folder.digest, copy):
        with pytest.raises(LabctlError, match="a link leads out of the folder"):
            use(folder)


def test_a_way_out_by_several_links_is_refused(folder):
    (folder / "a/b/c").mkdir(parents=True)
    (folder / "a/b/c/top").symlink_to("../../../roles")
    (folder / "a/b/c/bad").symlink_to("top/../../secret")
    with pytest.raises(LabctlError, match="a link leads out of the folder"):
        played_folder.digest(folder)


def test_there_is_an_end_to_files_and_bytes(folder, monkeypatch):
    monkeypatch.setattr(played_folder, "MOST_BYTES", 3)
    assert played_folder.digest(folder)
    (folder / "more").write_text("xyz")
    with pytest.raises(LabctlError, match="more than 3B in the folder") as caught:
        played_folder.digest(folder)
    assert "a folder of its own" in caught.value.hint
    monkeypatch.setattr(played_folder, "MOST_FILES", 2)
    with pytest.raises(LabctlError, match="more than 2 files"):
        played_folder.digest(folder)
