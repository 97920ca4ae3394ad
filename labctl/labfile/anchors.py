"""Values of YAML anchors.

cloud-config is YAML 1.1, the rest of a Labfile is YAML 1.2. So where an alias is used in cloud-config and its anchor is
written outside of it, or the other way round, the anchor's plain scalars are read again by the rules of the other side.
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
    """The value of an anchor."""

    value: Any
    size: int  # in nodes; negative until the end of the node is read
    cloud: bool = False  # the anchor is written in cloud-config
    text: str | None = None  # of a plain scalar, as it is written


class PlainTexts:
    """Keeps the texts of all plain scalars below anchors, by line and column, so that they can be read again.

    `read` gives the value of a text; it also takes the scalar's place, and whether that is in cloud-config.
    """

    def __init__(self, read: Callable[[str, Place, bool], Any]) -> None:
        self._read = read
        self._texts: dict[Place, str] = {}

    def note(self, text: str, place: Place) -> None:
        self._texts[place] = text

    def value_of_alias(self, anchor: Anchor, place: Place, *, cloud: bool) -> Any:
        """The value of an alias: as if the anchor's node were written at the alias's place."""
        if cloud == anchor.cloud:
            return anchor.value
        if anchor.text is not None:
            return self._read(anchor.text, place, cloud)
        return self._reread(anchor.value, cloud=cloud)

    def _reread(self, node: Any, *, cloud: bool) -> Any:
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
        return self._reread(value, cloud=cloud) if text is None else self._read(text, mark[1:3], cloud)

    def _key(self, key: str, place: Place, *, cloud: bool) -> str:
        return yaml11.key(key) if cloud and place in self._texts else str(key)
