"""What is told of local files that the system refuses."""

import os
from pathlib import Path

import pytest

from labctl.host.files import os_errors, owners

DENIED = PermissionError(13, "Permission denied")
ME = owners.user()


def told(path: Path, error: OSError = DENIED) -> tuple[str, str]:
    found = os_errors.as_labctl_error(error, "can't read it", path)
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
