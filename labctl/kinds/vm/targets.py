"""What disks are called on their buses: `vda`, `sdb`, `nvme0n1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
PREFIX = {"virtio": "vd", "scsi": "sd", "sata": "sd", "ide": "hd", "nvme": "nvme"}


def targets(prefix: str) -> Iterator[str]:
    """`vda`, `vdb`, … `vdz`, `vdaa`, …"""
    if prefix == "nvme":
        yield from (f"nvme{n}n1" for n in range(64))
    for first in ("", *_LETTERS):
        for last in _LETTERS:
            yield prefix + first + last
