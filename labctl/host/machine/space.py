"""Free space on this machine's file systems, of which labctl always leaves some to others."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.size import format_size

if TYPE_CHECKING:
    from pathlib import Path

MARGIN = 256 << 20  # bytes that stay free
STEP = 64 << 20  # bytes that are written between two queries of the file system


class FreeSpace:
    """The space that labctl may still use on a folder's file system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._granted = 0

    def require(self, count: int) -> None:
        """LabctlError unless `count` more bytes fit and the margin stays free."""
        free = self._free()
        if count > free - MARGIN:
            raise LabctlError(
                f"no space left: {format_size(count)} more are needed, {format_size(free)} are free, "
                f"of which {format_size(MARGIN)} stay so",
                where=str(self._folder),
                hint="free some space there and try again",
            )

    def spend(self, count: int) -> None:
        """Account for `count` bytes that are about to be written. LabctlError when they don't fit."""
        if count > self._granted:
            self.require(count)
            self._granted = max(count, min(STEP, self._free() - MARGIN))
        self._granted -= count

    def _free(self) -> int:
        return shutil.disk_usage(self._folder).free
