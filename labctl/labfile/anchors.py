"""What aliases stand for.

A value that is written outside of cloud-config and used in it is read again, as YAML 1.1, and vice versa.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.record import record
from labctl.labfile import yaml11
from labctl.labfile.yaml_tree import Map, Seq

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.labfile.yaml_tree import Mark

__all__ = ["Anchor", "Place", "PlainTexts"]

Place = tuple[int, int]  # line and column


@record
class Anchor:
    """What an alias stands for. `size` is negative before its end; `text` is that of a plain scalar."""

    value: Any
    size: int
    cloud: bool = False  # whether it is written in cloud-config
    text: str | None = None


class PlainTexts:
    """The texts of the plain scalars below anchors, by line and column: the other dialect may read another value there.

    `read` takes such a text, its place, and whether it is in cloud-config, and gives the value.
    """

    def __init__(self, read: Callable[[str, Place, bool], Any]) -> None:
        self._read = read
        self._texts: dict[Place, str] = {}

    def note(self, text: str, place: Place) -> None:
        self._texts[place] = text

    def as_there(self, anchor: Anchor, place: Place, *, cloud: bool) -> Any:
        """What an anchor stands for at another place, as if it were written there."""
        if cloud == anchor.cloud:
            return anchor.value
        if anchor.text is not None:
            return self._read(anchor.text, place, cloud)
        return self._again(anchor.value, cloud=cloud)

    def _again(self, node: Any, *, cloud: bool) -> Any:
        if isinstance(node, Map):
            keys = {key: self._key(key, node.marks[key][3:], cloud=cloud) for key in node}
            entries = {
                keys[key]: self._entry(value, node.marks[key], cloud=cloud) for key, value in node.items()
            }
            return Map(node.mark, entries, {keys[key]: node.marks[key] for key in node})
        if isinstance(node, Seq):
            pairs = zip(node, node.marks, strict=True)
            items = [self._entry(value, mark, cloud=cloud) for value, mark in pairs]
            return Seq(node.mark, items, node.marks)
        return node

    def _entry(self, value: Any, mark: Mark, *, cloud: bool) -> Any:
        text = None if isinstance(value, Map | Seq) else self._texts.get(mark[1:3])
        return self._again(value, cloud=cloud) if text is None else self._read(text, mark[1:3], cloud)

    def _key(self, key: str, place: Place, *, cloud: bool) -> str:
        return yaml11.key(key) if cloud and place in self._texts else str(key)
