"""Reads YAML with positions: a Labfile as YAML 1.2, and the cloud-config in it as YAML 1.1.

The reader works on libyaml's events. PyYAML's composer is not used: it recurses in C and expands every alias, so a
hostile file could crash the process. This reader keeps its own stack, counts nodes, and stops at the first event beyond
a limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]

from labctl.core.errors import Position, Problem, Rejected
from labctl.core.record import record
from labctl.labfile import yaml11
from labctl.labfile.anchors import Anchor, Place, PlainTexts
from labctl.labfile.yaml12 import resolve
from labctl.labfile.yaml_text import CONTROL, MAX_DEPTH, TOO_DEEP, decode, syntax_problem
from labctl.labfile.yaml_tree import Map, Seq, path_text

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["read_yaml"]

MAX_NODES = 100_000
EMPTY = ("the file is empty", "")

_CORE = "tag:yaml.org,2002:"
_BINARY = f"{_CORE}binary"
_VM_FIELD = 2  # the number of keys above a field of a VM or group; a group itself may be called cloud_init


def read_yaml(
    data: bytes, file: str, *, empty: tuple[str, str] = EMPTY, cloud: bool = False
) -> tuple[Map, list[Problem]]:
    """Read one YAML document whose top is a map.

    Args:
        data: the document.
        file: the file's name, for messages.
        empty: the message and the hint for a document without content.
        cloud: the document is cloud-config.

    Returns:
        The tree, and the problems that leave the rest of it readable, as duplicate keys.

    Raises:
        Rejected: there is no tree: bad UTF-8, bad YAML, a limit exceeded, or a top that is not a map.
    """
    text = decode(data, file)
    reader = _Reader(file, text, cloud=cloud)
    try:
        top = reader.document()
    except yaml.MarkedYAMLError as error:
        raise Rejected([syntax_problem(error, file, text)]) from None
    if top is None and not reader.total:
        raise Rejected([Problem(empty[0], where=Position(file, 1, 1), hint=empty[1])])
    if not isinstance(top, Map):
        raise Rejected([Problem("expected a map of fields at the top", where=Position(file, *reader.start))])
    return top, reader.problems


def _holds_cloud(path: list[str | None]) -> bool:
    """Whether the key `cloud_init` at the end of a path holds cloud-config.

    It does in `defaults`, in VMs and groups, and below the user's own `x-…` keys, which hold anchors for these.
    """
    return (
        path[0] == "defaults"
        or (path[0] in {"vms", "groups"} and len(path) > _VM_FIELD)
        or any(key is not None and key.startswith("x-") for key in path)
    )


@record(frozen=False)
class _OpenNode:
    """A map or list whose end event has not been read yet."""

    node: Map | Seq
    anchor: str | None
    before: int  # the number of nodes counted before it
    cloud: bool  # it is part of cloud-config
    key: str | None = None  # the key whose value comes next
    key_place: Place = (0, 0)
    merge: bool = False  # that key is `<<`
    merge_place: Place | None = None  # the place of the first `<<`
    merges: list[tuple[Any, Place]] | None = None


class _Reader:
    """Builds the tree of one document. `total` counts nodes as if every alias were written out."""

    def __init__(self, file: str, text: str, *, cloud: bool) -> None:
        self.file = file
        self._cloud = cloud
        self.total = 0
        self.start = (1, 1)
        self.problems: list[Problem] = []
        self._parser = CParser(text)
        self._stack: list[_OpenNode] = []
        self._anchors: dict[str, Anchor] = {}
        self._anchored = 0  # how many of the open nodes have an anchor
        self._texts = PlainTexts(self._value)
        self._top: Any = None
        self._documents = 0

    def document(self) -> Any:
        get, scalar = self._parser.get_event, yaml.ScalarEvent
        while True:
            event = get()
            kind = type(event)
            if kind is scalar:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._open(event)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._close(event)
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                self._documents += 1
                if self._documents > 1:
                    self._fail(event, "a second document starts here", "one file holds one document")
            elif kind is yaml.StreamEndEvent:
                return self._top

    def _fail(self, event: Any, summary: str, hint: str = "") -> None:
        mark = event.start_mark
        raise Rejected(
            [Problem(summary, where=Position(self.file, mark.line + 1, mark.column + 1), hint=hint)]
        )

    def _count(self, event: Any, nodes: int) -> None:
        self.total += nodes
        if self.total > MAX_NODES:
            self._fail(event, f"the document grows beyond {MAX_NODES:,} values, aliases written out")

    def _scalar(self, event: Any) -> None:
        text = event.value
        mark = event.start_mark
        place = (mark.line + 1, mark.column + 1)
        if event.style == '"' and (control := CONTROL.search(text)):
            self._fail(event, f"the control character U+{ord(control[0]):04X} is not allowed")
        top = self._stack[-1] if self._stack else None
        cloud = self._cloud if top is None else top.cloud
        if top is not None and top.key is None and type(top.node) is Map:
            if event.anchor:
                self._anchors[event.anchor] = Anchor(text, 1, cloud, text if event.implicit[0] else None)
            self._key(top, text, place, plain=event.implicit[0])
            return
        plain = event.implicit[0]
        if event.tag is not None:
            plain = self._tagged(event, cloud=cloud)
        value = self._value(text, place, cloud) if plain else text
        if event.tag == _BINARY:
            value = self._tried(yaml11.binary, text, place)
        self._count(event, 1)
        if event.anchor:
            self._anchors[event.anchor] = Anchor(value, 1, cloud, text if plain else None)
        if plain and self._anchored:
            self._texts.note(text, place)
        self._put(value, place)

    def _value(self, text: str, place: Place, cloud: bool) -> Any:  # noqa: FBT001  # as `PlainTexts` calls it
        """The value of a plain scalar."""
        return self._tried(yaml11.resolve, text, place) if cloud else resolve(text)

    def _tried(self, read: Callable[[str], Any], text: str, place: Place) -> Any:
        """Read a scalar of cloud-config. One that cloud-init would fail on is reported and stays a text."""
        try:
            return read(text)
        except ValueError as error:
            summary = f"cloud-init can't read this: {error}"
            hint = "quote it if it is a text"
            self.problems.append(Problem(summary, self._path(), Position(self.file, *place), hint))
            return text

    def _tagged(self, event: Any, *, cloud: bool) -> bool:
        """Whether an explicitly tagged scalar is resolved as if it were plain."""
        if event.tag in {"!", f"{_CORE}str"} or (cloud and event.tag == _BINARY):
            return False
        if event.tag not in {f"{_CORE}{name}" for name in ("int", "float", "bool", "null")}:
            self._fail(event, f"the tag {event.tag} has no meaning here", "leave it out")
        return True

    def _key(self, top: _OpenNode, text: str, place: Place, *, plain: bool) -> None:
        node = cast("Map", top.node)
        if plain and self._anchored:
            self._texts.note(text, place)
        top.key_place, top.merge = place, plain and text == "<<"
        top.key = yaml11.key(text) if plain and top.cloud else text
        first = top.merge_place if top.merge else node.marks[text][3:] if text in node.marks else None
        if first:
            summary = f"the key {text} stands here twice, first in line {first[0]}, column {first[1]}"
            hint = "merge a list: <<: [*one, *other]" if top.merge else "keep one of them"
            self.problems.append(Problem(summary, self._path(), Position(self.file, *place), hint))
        if top.merge:
            top.merge_place = top.merge_place or place

    def _path(self) -> str:
        """The path of the current key, as `vms.web.memory`."""
        return path_text(
            tuple(len(each.node) if isinstance(each.node, Seq) else str(each.key) for each in self._stack)
        )

    def _open(self, event: Any) -> None:
        mark = event.start_mark
        self._count(event, 1)
        if not self._stack:
            self.start = (mark.line + 1, mark.column + 1)
        elif self._stack[-1].key is None and type(self._stack[-1].node) is Map:
            self._fail(event, "a key must be plain text", "quote it if it starts with a bracket")
        if len(self._stack) >= MAX_DEPTH:
            self._fail(event, TOO_DEEP)
        if event.tag is not None and event.tag not in {"!", f"{_CORE}map", f"{_CORE}seq"}:
            self._fail(event, f"the tag {event.tag} has no meaning here", "leave it out")
        line, column = mark.line + 1, mark.column + 1
        place = (self.file, line, column, line, column)
        node: Map | Seq = Map(place) if type(event) is yaml.MappingStartEvent else Seq(place)
        self._stack.append(_OpenNode(node, event.anchor, self.total - 1, self._begins_cloud()))
        if event.anchor:
            self._anchored += 1
            self._anchors[event.anchor] = Anchor(None, -1)  # its value is known at its end

    def _begins_cloud(self) -> bool:
        """Whether the node that starts now is cloud-config or part of it."""
        if not self._stack:
            return self._cloud
        top = self._stack[-1]
        return top.cloud or (top.key == "cloud_init" and _holds_cloud([each.key for each in self._stack]))

    def _close(self, event: Any) -> None:
        done = self._stack.pop()
        if done.merges:
            self._merge(cast("Map", done.node), done.merges, event)
        if done.anchor:
            self._anchored -= 1
            self._anchors[done.anchor] = Anchor(done.node, self.total - done.before, done.cloud)
        self._put(done.node, done.node.mark[1:3])

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            self._fail(event, f"the alias *{event.anchor} has no anchor before it")
        anchor = self._anchors[event.anchor]
        if anchor.size < 0:
            self._fail(event, f"the anchor &{event.anchor} can't contain itself")
        self._count(event, anchor.size)
        mark = event.start_mark
        place = (mark.line + 1, mark.column + 1)
        top = self._stack[-1] if self._stack else None
        if top is not None and top.key is None and type(top.node) is Map:
            if not isinstance(anchor.value, str) and anchor.text is None:
                self._fail(event, "a key must be plain text")
            text = anchor.text if anchor.text is not None else anchor.value
            self._key(top, text, place, plain=anchor.text is not None and top.cloud)
            return
        if anchor.text is not None and self._anchored:
            self._texts.note(anchor.text, place)
        self._put(self._texts.value_of_alias(anchor, place, cloud=self._begins_cloud()), place)

    def _put(self, value: Any, place: Place) -> None:
        """Put a finished value into the map or list that holds it."""
        if not self._stack:
            self._top = value
            return
        top = self._stack[-1]
        node = top.node
        if type(node) is Seq:
            node.append(value)
            node.marks.append((self.file, *place, *place))
            return
        key = cast("str", top.key)
        top.key = None
        if top.merge:
            top.merge = False
            top.merges = [*(top.merges or ()), (value, place)]
        elif key not in node:
            node[key] = value  # type: ignore[call-overload]
            cast("Map", node).marks[key] = (self.file, *place, *top.key_place)

    def _merge(self, node: Map, merges: list[tuple[Any, Place]], event: Any) -> None:
        """Add the entries of the maps that `<<` names. The map's own keys win, then those of earlier maps."""
        for value, place in merges:
            for source in value if isinstance(value, Seq) else [value]:
                if not isinstance(source, Map):
                    where = Position(self.file, *place)
                    self.problems.append(Problem("a merge key takes a map or a list of maps", where=where))
                    continue
                self._count(event, len(source))
                for key, entry in source.items():
                    if key not in node:
                        node[key] = entry
                        node.marks[key] = source.marks[key]
