"""The user's own folders."""

from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.files.private import user_folder


def test_the_environment_goes_before_what_is_usual(monkeypatch):
    assert user_folder("LABCTL_OWN_DIR", "/usual") == Path("/usual")
    monkeypatch.setenv("LABCTL_OWN_DIR", "/own")
    assert user_folder("LABCTL_OWN_DIR", "/usual") == Path("/own")


def test_below_a_home_that_nobody_knows_there_is_none():
    """A folder called `~` in the current one may have come with a repository."""
    with pytest.raises(LabctlError, match="nobody knows your home") as caught:
        user_folder("LABCTL_OWN_DIR", "~/.cache/labctl")
    assert "LABCTL_OWN_DIR" in caught.value.hint
