"""Only regular files are opened."""

import os
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.files.regular import open_regular


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
