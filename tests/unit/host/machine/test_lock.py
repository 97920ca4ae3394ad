"""Where the locks are."""

import os
import warnings

from labctl.host.machine import lock


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
