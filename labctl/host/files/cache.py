"""The user's cache folder. labctl can make everything in it again."""

from __future__ import annotations

import os
from pathlib import Path

from labctl.core.errors import LabctlError
from labctl.host.files.private import private_folder


def folder(name: str) -> Path:
    """Make a folder of the cache unless it exists, and return its path; only its owner can enter it.

    `LABCTL_CACHE_DIR` is the path of the whole cache. LabctlError when the folder can't be made.
    """
    path = _root() / name
    private_folder(path)
    return path


def lock_name(what: str) -> str:
    """The name of a lock of this cache, as of a download: locks are the host's, and each user has a cache."""
    return f"{what} in {_root()}"


def _root() -> Path:
    import platformdirs  # a run that uses no cache does without it

    root = Path(os.environ.get("LABCTL_CACHE_DIR") or platformdirs.user_cache_dir("labctl"))
    if str(root).startswith("~"):
        raise LabctlError("nobody knows your home", hint="set HOME, or LABCTL_CACHE_DIR to a folder of yours")
    return root
