"""The user's cache folder. labctl can make everything in it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.host.files.private import private_folder, user_folder

if TYPE_CHECKING:
    from pathlib import Path


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

    return user_folder("LABCTL_CACHE_DIR", platformdirs.user_cache_dir("labctl"))
