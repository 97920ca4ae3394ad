"""The user's cache folder: whatever is in it can be made again, and losing it costs nothing but time."""

from __future__ import annotations

import os
from pathlib import Path

from labctl.core.errors import LabctlError
from labctl.host.files.private import private_folder


def folder(name: str) -> Path:
    """A folder of the cache, made where it is missing, its owner's alone; `LABCTL_CACHE_DIR` moves the cache.

    LabctlError when it can't be made.
    """
    import platformdirs

    root = Path(os.environ.get("LABCTL_CACHE_DIR") or platformdirs.user_cache_dir("labctl"))
    if str(root).startswith("~"):
        raise LabctlError("nobody knows your home", hint="set HOME, or LABCTL_CACHE_DIR to a folder of yours")
    private_folder(root / name)
    return root / name
