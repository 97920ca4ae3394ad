"""What is told of local files that the system refuses."""

import os
import warnings
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.access.keys import Keys
from labctl.host.files import local
from labctl.host.machine import lock

DENIED = PermissionError(13, "Permission denied")
ME = local.user()


def told(path: Path, error: OSError = DENIED) -> tuple[str, str]:
    found = local.failed(error, "can't read it", path)
    return str(found), found.hint


def test_a_file_that_is_ones_own_says_how_it_is_opened(tmp_path):
    """The nearest that can be seen is named: here the file's folder, since the file itself is not there."""
    path = tmp_path / "file"
    assert told(path) == (
        f"{path}: can't read it: Permission denied; {tmp_path} is {ME}'s",
        f"`chmod u+rwX {tmp_path}`",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can give files away")
def test_another_users_folder_is_named_with_its_owner(tmp_path):
    os.chown(tmp_path, 54321, 54321)
    text, hint = told(tmp_path / "deep/down")
    assert text.endswith(f"Permission denied; {tmp_path} is uid 54321's")
    assert hint == "run labctl as uid 54321, or use a folder of your own"


def test_a_full_disk_is_no_matter_of_owners(tmp_path):
    text, hint = told(tmp_path, OSError(28, "No space left on device"))
    assert text == f"{tmp_path}: no space left: No space left on device"
    assert hint == "free some space there and try again"


def test_other_reasons_are_told_as_the_system_tells_them(tmp_path):
    assert told(tmp_path, OSError(30, "Read-only file system")) == (
        f"{tmp_path}: can't read it: Read-only file system",
        "",
    )


def test_keys_that_cannot_be_read_are_an_error_that_names_them(tmp_path, monkeypatch):
    def denied(self, *_arguments, **_options):
        raise PermissionError(13, "Permission denied", str(self))

    keys = Keys(tmp_path)
    monkeypatch.setattr(Path, "stat", denied)
    for use in (keys.secret, keys.known, keys.has_login, lambda: keys.known_host("web")):
        with pytest.raises(LabctlError, match="can't read the lab's keys: Permission denied"):
            use()


def test_without_a_session_the_locks_are_in_a_folder_of_ones_own(tmp_path, monkeypatch):
    """And nothing warns of it: most who run `su` or cron have none."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    monkeypatch.setattr(lock.tempfile, "gettempdir", lambda: str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lock.folder() == tmp_path / "labctl-54321"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert lock.folder() == tmp_path / "labctl"
