"""The digest of a file or folder."""

import pytest

from labctl.core.errors import LabctlError
from labctl.host.files import content
from labctl.host.files.content import content_digest


def test_a_digest_follows_content_names_modes_and_links(tmp_path):
    folder = tmp_path / "site"
    (folder / "in").mkdir(parents=True)
    page = folder / "in/page"
    page.write_text("a")
    (folder / "link").symlink_to("in/page")
    seen = [content_digest(folder)]

    def changed():
        seen.append(content_digest(folder))

    page.write_text("b")
    changed()
    page.chmod(0o700)
    changed()
    page.rename(folder / "in/other")
    changed()
    (folder / "link").unlink()
    (folder / "link").symlink_to("in/other")
    changed()
    assert len(set(seen)) == len(seen)
    assert content_digest(folder) == seen[-1]


def test_of_one_file_the_mode_counts_too(tmp_path):
    page = tmp_path / "page"
    assert content_digest(page) == ""
    page.write_text("a")
    first = content_digest(page)
    page.chmod(0o700)
    assert content_digest(page) != first


def test_a_folder_has_not_more_files_than_can_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "MOST_FILES", 3)
    for name in range(5):
        (tmp_path / str(name)).touch()
    with pytest.raises(LabctlError, match="more than 3 files"):
        content_digest(tmp_path)
