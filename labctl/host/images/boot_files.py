"""Kernels and initrds: files that a VM boots directly, checked before they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from labctl.core.size import format_size
from labctl.host.images import limits, signatures
from labctl.host.images.untrusted import errors_naming, read_at, refuse

if TYPE_CHECKING:
    from pathlib import Path


def inspect_file(file: BinaryIO, size: int, where: str | Path) -> None:
    """LabctlError, which names `where`, if an open file of `size` bytes is neither a kernel nor an initrd."""
    with errors_naming(str(where)):
        if size > limits.BOOT_FILE:
            refuse(f"more than {format_size(limits.BOOT_FILE)}, and no kernel or initrd is so large")
        signatures.refuse_unbootable(read_at(file, 0, signatures.START))
