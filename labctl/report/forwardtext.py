"""Forwards in few words: `127.0.0.1:8080 → 80`, `127.0.0.1:8000-8010 → 8000-8010`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.kinds.forward.overview import ForwardOverview


def shown(forwards: Iterable[ForwardOverview]) -> list[str]:
    """A text for each forward; those of consecutive ports share one. They come in the order of their ports."""
    runs: list[list[ForwardOverview]] = []
    for each in forwards:
        if runs and _follows(runs[-1][-1], each):
            runs[-1].append(each)
        else:
            runs.append([each])
    return [_text(run[0], run[-1]) for run in runs]


def _follows(one: ForwardOverview, other: ForwardOverview) -> bool:
    alike = (one.listens.ip, one.protocol, one.alive) == (other.listens.ip, other.protocol, other.alive)
    steps = (other.listens.port - one.listens.port, _guest(other) - _guest(one))
    return alike and steps == (1, 1)


def _text(first: ForwardOverview, last: ForwardOverview) -> str:
    here, there = str(first.listens), str(_guest(first))
    if last is not first:
        here, there = f"{here}-{last.listens.port}", f"{there}-{_guest(last)}"
    udp, dead = "/udp" * (first.protocol == "udp"), " (not running)" * (not first.alive)
    return f"{here}{udp} → {there}{dead}"


def _guest(forward: ForwardOverview) -> int:
    """The guest's port; 0 where the record does not tell it."""
    port = forward.to.rpartition(":")[2]
    return int(port) if port.isascii() and port.isdecimal() else 0
