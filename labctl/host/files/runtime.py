"""The user's folder for the files of one run, as sockets."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from labctl.host.files import checked, os_errors


def folder() -> Path:
    """Make the folder unless it exists, and return its path; only its owner can enter it.

    Raises:
        LabctlError: it can't be made, or what is there is not a folder of this user's alone.
    """
    path = _place()
    with os_errors.translated("can't make it", path), checked.folder_of(path) as within:
        os.close(checked.open_folder(path.name, within, path, make=True))
    return path


def existing() -> Path | None:
    """The folder, or None if it is not there: who only looks makes none.

    Raises:
        LabctlError: what is there is not a folder of this user's alone.
    """
    return folder() if _place().exists() else None


def _place() -> Path:
    """In /run for root, in the session's XDG_RUNTIME_DIR for other users, in the temporary folder without a session."""
    uid = os.geteuid()
    if uid == 0:
        return Path("/run/labctl")
    for session in (Path(os.environ.get("XDG_RUNTIME_DIR", "")), Path(f"/run/user/{uid}")):
        if session.is_absolute() and os.access(session, os.R_OK | os.W_OK | os.X_OK) and session.is_dir():
            return session / "labctl"
    return Path(tempfile.gettempdir(), f"labctl-{uid}")
