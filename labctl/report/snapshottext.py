"""The snapshots of a lab as a tree, with sizes and ages, and one snapshot in full."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from labctl.core.size import format_size
from labctl.core.spans import spans
from labctl.report.phrases import seconds
from labctl.report.table import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.kinds.snapshot.overview import Shown, SnapshotList
    from labctl.kinds.snapshot.spec import SnapshotSpec
    from labctl.report.colour import Paint

HEAD = ("snapshot", "age", "size", "VMs", "message")
HERE = "(the lab is here)"
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def tree(found: SnapshotList, now: datetime, paint: Paint, width: int | None) -> str:
    """A table in which each snapshot stands below the one that the lab stood on when it was taken."""
    rows = []
    for lead, each in _walked(found, "", ""):
        if each is None:
            rows.append([f"{lead}{HERE}", "", "", "", ""])
        else:
            vms = spans(vm.name for vm in each.vms)
            passed = age(each, now) if each.taken else "-"
            told = each.problem or each.message
            rows.append([f"{lead}{each.name}", passed, format_size(each.size), vms or "-", told])
    return table(HEAD, rows, paint, width)


def _walked(found: SnapshotList, parent: str, indent: str) -> Iterator[tuple[str, SnapshotSpec | None]]:
    """The snapshots on top of one, and on top of these, each with what is drawn before it; None is the lab itself."""
    children: list[SnapshotSpec | None] = [
        each for each in found.snapshots if found.parent(each.ancestors) == parent
    ]
    children += [None] * (found.parent(found.ancestors) == parent)
    for each in children:
        last = each is children[-1]
        lead = ("└─ " if last else "├─ ") if parent else ""
        yield indent + lead, each
        if each is not None:
            below = indent + (("   " if last else "│  ") if parent else "")
            yield from _walked(found, each.name, below)


def age(snapshot: SnapshotSpec, now: datetime) -> str:
    """`3 h`, in the largest unit that fits."""
    passed = max(0, int((now - _moment(snapshot)).total_seconds()))
    return next((f"{passed // size} {unit}" for unit, size in _UNITS if passed >= size), "0 s")


def _moment(snapshot: SnapshotSpec) -> datetime:
    try:
        return datetime.fromisoformat(snapshot.taken).astimezone(UTC)
    except ValueError:  # someone edited the description
        return datetime.fromtimestamp(0, UTC)


def in_full(shown: Shown) -> str:
    """All that is to be said of one snapshot, a line each."""
    snapshot = shown.snapshot
    states = (f"{vm.name} {vm.state}{', with memory' if vm.memory else ''}" for vm in snapshot.vms)
    facts = {
        "snapshot": snapshot.name,
        "problem": snapshot.problem,
        "message": snapshot.message,
        "taken": snapshot.moment,
        "stands on": shown.parent,
        "paused for": seconds(snapshot.paused_s) if snapshot.taken else "",
        "size": format_size(snapshot.size),
        "made by": snapshot.made_by,
        "networks": spans(each.name for each in snapshot.saved_networks),
        "VMs": "; ".join(states),
    }
    column = max(map(len, facts))
    return "\n".join(f"{name:<{column}}  {value}" for name, value in facts.items() if value)
