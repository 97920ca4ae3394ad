"""Where the Labfile is."""

from __future__ import annotations

import os

from labctl.core.errors import UsageError
from labctl.host.files.owners import owner

LABFILE = "Labfile.yaml"


def find(asked: str | None) -> str:
    """The path of the Labfile: what was asked for, else the nearest one in this folder or above, as git looks.

    A folder stands for the Labfile in it, and `-` for standard input.

    Raises:
        UsageError: there is none, or the nearest one above is somebody else's.
    """
    if asked is None:
        return _nearest()
    if asked == "-":
        return asked
    path = in_folder(asked)
    try:
        os.stat(path)
    except FileNotFoundError:
        raise UsageError(
            f"no such file: {path}", hint="-f names the Labfile; `labctl init` writes one to start from"
        ) from None
    return path


def in_folder(asked: str) -> str:
    """The path of the Labfile in a folder; a path of a file stays as it is."""
    path = os.path.join(asked, LABFILE) if os.path.isdir(asked or ".") else asked
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return path


def _nearest() -> str:
    here = folder = os.getcwd()
    while not os.path.exists(os.path.join(folder, LABFILE)) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    found = os.path.join(folder, LABFILE)
    if not os.path.exists(found):
        raise UsageError(
            f"no {LABFILE} here or in a folder above",
            hint="`labctl init` writes one to start from; -f names another",
        )
    if folder == here:
        return LABFILE
    _require_own(folder, found)
    return os.path.relpath(found)


def _require_own(*paths: str) -> None:
    """A Labfile that somebody else put above this folder, as in /tmp, is not taken unasked; git does so, too."""
    for path in paths:
        found = owner(path, os.stat(path))
        if not found.mine and found.uid not in (0, int(os.environ.get("SUDO_UID") or 0)):
            raise UsageError(
                f"no {LABFILE} here, and {os.path.relpath(path)} is {found.name}'s",
                hint="-f names it, if you mean it",
            )
