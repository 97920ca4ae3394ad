"""The targets of disks, which are their names on a bus: `vda`, `sdb`, `nvme0n1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.record import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labctl.kinds.vm.disks_and_nics import DiskUse

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_PREFIX = {"virtio": "vd", "scsi": "sd", "sata": "sd", "ide": "hd", "nvme": "nvme"}


def _targets(prefix: str) -> Iterator[str]:
    """All targets with a prefix in their order: `vda`, `vdb`, … `vdz`, `vdaa`, …"""
    if prefix == "nvme":
        yield from (f"nvme{n}n1" for n in range(64))
    for first in ("", *_LETTERS):
        for last in _LETTERS:
            yield prefix + first + last


def with_targets(disks: Iterable[DiskUse], taken: Mapping[str, str]) -> tuple[DiskUse, ...]:
    """Give each disk its target: the one it has in `taken`, by its name, else the first free one of its bus."""
    disks = tuple(disks)
    used = {taken[use.name] for use in disks if use.name in taken}
    placed = []
    for use in disks:
        target = taken.get(use.name, "")
        prefix = _PREFIX.get(use.bus, "vd")
        if not target.startswith(prefix):
            target = next(name for name in _targets(prefix) if name not in used)
            used.add(target)
        placed.append(replace(use, target=target))
    return tuple(placed)
