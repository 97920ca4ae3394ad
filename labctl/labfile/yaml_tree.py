"""The tree of a YAML document, with positions.

Scalars are Python's own types, but for `Unquoted` texts in cloud-config. Maps and lists are `Map` and `Seq`, a dict and
a list that remember the positions of their entries. So the tree can be validated, merged and compared as ordinary data,
and a problem that is found late still has its line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.errors import Position

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# PyYAML's word for a position: the file, line and column of the value, line and column of the key (of an item of a
# list, those of the item again). It is a tuple, since a Labfile of a thousand VMs has tens of thousands of them; a
# `Position` is made when one is needed.
Mark = tuple[str, int, int, int, int]
FieldPath = tuple[str | int, ...]


class Map(dict[str, Any]):
    """A YAML map. `marks` keeps the mark of each key that was written, also of a removed one.

    `layers` names the layer of each entry of a map that was merged of several; it is None in all others.
    """

    __slots__ = ("layers", "mark", "marks")

    def __init__(
        self, mark: Mark, entries: Mapping[str, Any] | None = None, marks: dict[str, Mark] | None = None
    ) -> None:
        super().__init__(entries or {})
        self.mark = mark
        self.marks: dict[str, Mark] = {} if marks is None else marks
        self.layers: Mapping[str, str] | None = None


class Seq(list[Any]):
    """A YAML list. `marks` has the mark of each item, `layers` is as that of a map."""

    __slots__ = ("layers", "mark", "marks")

    def __init__(self, mark: Mark, items: list[Any] | None = None, marks: list[Mark] | None = None) -> None:
        super().__init__(items or [])
        self.mark = mark
        self.marks: list[Mark] = [] if marks is None else marks
        self.layers: Sequence[str] | None = None


def entry_mark(holder: Map | Seq, key: str | int) -> Mark:
    """Give the mark of an entry, or that of the holder where the entry is missing."""
    try:
        return holder.marks[key]  # type: ignore[index]
    except (KeyError, IndexError):
        return holder.mark


def was_removed(holder: Map, *keys: str) -> bool:
    """Whether one of these fields was removed as a wrong one: then its absence is no second problem."""
    return any(key in holder.marks and key not in holder for key in keys)


def value_position(mark: Mark) -> Position:
    """Give the position of the value."""
    return Position(mark[0], mark[1], mark[2])


def key_position(mark: Mark) -> Position:
    """Give the position of the key."""
    return Position(mark[0], mark[3], mark[4])


def entries(node: Map | Seq) -> Iterator[tuple[str | int, Any]]:
    """Iterate over the keys or indices, with the values."""
    return iter(node.items()) if isinstance(node, Map) else iter(enumerate(node))


def walk(node: Any, path: FieldPath = ()) -> Iterator[tuple[FieldPath, Mark, Any]]:
    """Give the path, mark and value of each entry below `node`, parents first."""
    if isinstance(node, Map | Seq):
        for key, value in entries(node):
            below = (*path, key)
            yield below, entry_mark(node, key), value
            yield from walk(value, below)


def copy_tree(node: Any) -> Any:
    """Copy a tree. Nodes that aliases share become separate copies."""
    if isinstance(node, Map):
        return Map(node.mark, {key: copy_tree(value) for key, value in node.items()}, dict(node.marks))
    if isinstance(node, Seq):
        return Seq(node.mark, [copy_tree(value) for value in node], list(node.marks))
    return node


def value_at(node: Any, path: FieldPath) -> Any:
    """Give the value at `path`; None where there is none."""
    for key in path:
        try:
            node = node[key]
        except (KeyError, IndexError, TypeError):
            return None
    return node


def remove_at(node: Map | Seq, path: FieldPath) -> None:
    """Remove the entry at `path`, if it still exists."""
    holder, last = value_at(node, path[:-1]), path[-1]
    if isinstance(holder, Map) and last in holder:
        del holder[str(last)]
    elif isinstance(holder, Seq) and isinstance(last, int) and last < len(holder):
        del holder[last], holder.marks[last]


def path_text(path: FieldPath) -> str:
    """Write a path as messages show it: `vms.web.networks[0].ip`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
