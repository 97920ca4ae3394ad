"""Finds the position of a field in the Labfile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from labctl.core.errors import Position
from labctl.labfile.yaml_tree import FieldPath, Map, Mark, Seq, entry_mark, key_position, value_position, walk

__all__ = ["Positions"]


class Positions(Mapping[FieldPath, Position]):
    """Maps the path of a field to its position: that of the value of a scalar, that of the key of a map or list.

    A field that a VM takes from `defaults`, a group or an included file has the position where it is written. An entry
    of a list may be named by its index or by its name, as in `("vms", "web", "networks", "back", "ip")`.

    Paths are looked up in the trees when asked for: a table of all fields would cost memory in each run.
    """

    def __init__(self, top: Map, vms: Mapping[str, Map]) -> None:
        self._top = top
        self._vms = vms

    def __getitem__(self, path: FieldPath) -> Position:
        if not path:
            return value_position(self._top.mark)
        merged = self._vms.get(str(path[1])) if path[0] == "vms" and len(path) > 2 else None
        if merged is not None and path[2] in merged:
            with suppress(KeyError):  # the path of an included file is only in the Labfile's own tree
                return _found(merged, path[2:])
        return _found(self._top, path)

    def __iter__(self) -> Iterator[FieldPath]:
        yield ()
        for path, _, _ in walk(self._top):
            yield path

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _found(node: object, path: FieldPath) -> Position:
    mark: Mark | None = None
    for part in path:
        key = _key(node, part)
        if key is None or not isinstance(node, Map | Seq):
            raise KeyError(path)
        mark, node = entry_mark(node, key), node[key]  # type: ignore[index]
    if mark is None:
        raise KeyError(path)
    return key_position(mark) if isinstance(node, Map | Seq) else value_position(mark)


def _key(node: object, part: str | int) -> str | int | None:
    if isinstance(node, Map):
        return str(part) if str(part) in node else None
    if isinstance(node, Seq):
        if isinstance(part, int):
            return part if part < len(node) else None
        for index, entry in enumerate(node):
            names = (entry.get("nic", entry.get("name")),) if isinstance(entry, Map) else (entry,)
            if part in names:
                return index
    return None
