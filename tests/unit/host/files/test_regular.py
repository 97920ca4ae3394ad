"""Only regular files are opened."""

import os
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.files.regular import open_real, open_regular


def test_a_device_is_not_even_opened(monkeypatch):
    """As a watchdog's, which would reset the machine."""
    opened = []
    monkeypatch.setattr(os, "open", lambda path, *_, **__: opened.append(path))
    with pytest.raises(LabctlError, match=r"^/dev/null: not a regular file"):
        open_regular(Path("/dev/null"))
    assert opened == []


def test_a_file_is_read(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    with open_regular(tmp_path / "file") as file:
        assert file.read() == b"content"


@pytest.fixture
def real(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").write_bytes(b"content")
    return Path(os.path.realpath(tmp_path)) / "a/b/file"


def test_a_real_path_is_read(real):
    with open_real(real) as file:
        assert file.read() == b"content"


@pytest.mark.parametrize("part", ["a/b/file", "a/b", "a"])
def test_no_link_that_came_on_a_real_path_is_followed(real, part):
    place = real.parents[2] / part
    place.rename(place.with_name("moved"))
    place.symlink_to("moved")
    before = len([*Path("/proc/self/fd").iterdir()])
    with pytest.raises(LabctlError, match=f"^{real}: there is a link on the way to it"):
        open_real(real)
    assert open_regular(real).read() == b"content"
    assert len([*Path("/proc/self/fd").iterdir()]) == before, "nothing is left open"


def test_what_is_no_file_or_is_gone_is_told_by_its_path(real):
    with pytest.raises(LabctlError, match=f"^{real.parent}: not a regular file"):
        open_real(real.parent)
    with pytest.raises(FileNotFoundError, match=f"'{real}x'"):
        open_real(Path(f"{real}x"))
