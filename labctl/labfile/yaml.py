"""Reads YAML 1.2 with positions, within caps, from libyaml's events.

PyYAML's composer recurses in C and expands aliases as they come, so a hostile file could end the process. This reader
keeps its own stack and counts, and stops at the first event beyond a cap.
"""

from __future__ import annotations

import re
from typing import Any, cast

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]

from labctl.core.errors import Position, Problem, Rejected
from labctl.core.record import record
from labctl.labfile.documents import MAX_BYTES
from labctl.labfile.scalars import resolve
from labctl.labfile.tree import Map, Seq, text_of

__all__ = ["CONTROL", "read"]

MAX_DEPTH = 64
MAX_NODES = 100_000

# What YAML allows in a stream (https://yaml.org/spec/1.2.2/#51-character-set), without the C1 controls.
CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CORE = "tag:yaml.org,2002:"


def read(data: bytes, file: str, *, empty: str = "the file is empty") -> tuple[Map, list[Problem]]:
    """Read one YAML document whose top is a map.

    Duplicate keys are returned as problems, since the rest can still be judged. Raises `Rejected` for whatever leaves
    no tree: bad UTF-8, bad YAML, a cap exceeded, another top than a map.
    """
    text = _decode(data, file)
    reader = _Reader(file, text)
    try:
        top = reader.document()
    except yaml.MarkedYAMLError as error:
        raise Rejected([_syntax(error, file, text)]) from None
    if top is None and not reader.total:
        raise Rejected(
            [Problem(empty, where=Position(file, 1, 1), hint="`labctl init` writes one to start from")]
        )
    if not isinstance(top, Map):
        raise Rejected([Problem("expected a map of fields at the top", where=Position(file, *reader.start))])
    return top, reader.problems


def _decode(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        where = _place(data[:MAX_BYTES].decode("utf-8", "replace"), file)
        raise Rejected([Problem("the file goes on beyond 1 MB, the most that is read", where=where)])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = _place(data[: error.start].decode("utf-8", "replace"), file)
        raise Rejected([Problem("this is not UTF-8", where=where, hint="save the file as UTF-8")]) from None
    if control := CONTROL.search(text):
        where = _place(text[: control.start()], file)
        raise Rejected(
            [Problem(f"the control character U+{ord(control[0]):04X} is not allowed", where=where)]
        )
    return text


def _place(before: str, file: str) -> Position:
    return Position(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
_LIBYAML_TOO_DEEP = (
    "exceeded maximum nesting depth"  # newer ones have a cap too, and read ahead of what they tell
)
_CAUSES = {
    "found character that cannot start any token": "this character can't start a value",
    "mapping values are not allowed in this context": "a `:` is not expected here",
    "found undefined alias": "no anchor of this name stands before",
}


def _syntax(error: yaml.MarkedYAMLError, file: str, text: str) -> Problem:
    """Word libyaml's error, with the causes that people meet most."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    if error.problem == _LIBYAML_TOO_DEEP:
        return Problem(_TOO_DEEP, where=Position(file, line + 1, column + 1))
    lines = text.split("\n")
    written = lines[line] if line < len(lines) else ""
    summary, hint = _CAUSES.get(error.problem or "", error.problem or "this is not YAML"), ""
    if written[column : column + 1] == "\t" or written[:column].strip(" ") == "\t":
        summary, hint = "a tab can't indent", "YAML takes spaces only"
    elif "${" in written and re.search(r"[{,\[:]\s*\$\{", written):
        name = re.search(r"\$\{[^}]*\}?", written)
        hint = f'inside {{…}} and […] quote it: "{name[0]}"' if name else ""
    elif written[column : column + 1] in {"@", "`", "%", "&", "*", "!"} or ": " in written[column:]:
        hint = "quote the value if this character belongs to it"
    return Problem(f"not YAML: {summary}", where=Position(file, line + 1, column + 1), hint=hint)


@record(frozen=False)
class _Open:
    """A map or list whose end has not come yet."""

    node: Map | Seq
    anchor: str | None
    before: int  # nodes counted when it began
    key: str | None = None
    key_place: tuple[int, int] = (0, 0)
    merge: bool = False  # the key at hand is `<<`
    merge_place: tuple[int, int] | None = None  # of the first `<<`
    merges: list[tuple[Any, tuple[int, int]]] | None = None


class _Reader:
    """Builds the tree. `total` counts nodes as if every alias were written out."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.total = 0
        self.start = (1, 1)
        self.problems: list[Problem] = []
        self._parser = CParser(text)
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
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
        if top is not None and top.key is None and type(top.node) is Map:
            if event.anchor:
                self._anchors[event.anchor] = (text, 1)
            self._key(top, text, place, merge=text == "<<" and event.implicit[0])
            return
        plain = event.implicit[0]
        if event.tag is not None:
            plain = self._tagged(event)
        value = resolve(text) if plain else text
        self._count(event, 1)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._put(value, place)

    def _tagged(self, event: Any) -> bool:
        """Whether an explicitly tagged scalar is resolved as if it were plain."""
        if event.tag in {"!", f"{_CORE}str"}:
            return False
        if event.tag not in {f"{_CORE}{name}" for name in ("int", "float", "bool", "null")}:
            self._fail(event, f"the tag {event.tag} has no meaning here", "leave it out")
        return True

    def _key(self, top: _Open, text: str, place: tuple[int, int], *, merge: bool = False) -> None:
        node = cast("Map", top.node)
        top.key, top.key_place, top.merge = text, place, merge
        first = top.merge_place if top.merge else node.marks[text][3:] if text in node.marks else None
        if first:
            summary = f"the key {text} stands here twice, first in line {first[0]}, column {first[1]}"
            hint = "merge a list: <<: [*one, *other]" if top.merge else "keep one of them"
            self.problems.append(Problem(summary, self._path(), Position(self.file, *place), hint))
        if top.merge:
            top.merge_place = top.merge_place or place

    def _path(self) -> str:
        """Say where the key at hand stands."""
        return text_of(
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
            self._fail(event, _TOO_DEEP)
        if event.tag is not None and event.tag not in {"!", f"{_CORE}map", f"{_CORE}seq"}:
            self._fail(event, f"the tag {event.tag} has no meaning here", "leave it out")
        line, column = mark.line + 1, mark.column + 1
        place = (self.file, line, column, line, column)
        node: Map | Seq = Map(place) if type(event) is yaml.MappingStartEvent else Seq(place)
        self._stack.append(_Open(node, event.anchor, self.total - 1))
        if event.anchor:
            self._anchors[event.anchor] = (None, -1)  # not known before its end

    def _close(self, event: Any) -> None:
        done = self._stack.pop()
        if done.merges:
            self._merge(cast("Map", done.node), done.merges, event)
        if done.anchor:
            self._anchors[done.anchor] = (done.node, self.total - done.before)
        self._put(done.node, done.node.mark[1:3])

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            self._fail(event, f"the alias *{event.anchor} has no anchor before it")
        value, size = self._anchors[event.anchor]
        if size < 0:
            self._fail(event, f"the anchor &{event.anchor} can't contain itself")
        self._count(event, size)
        mark = event.start_mark
        top = self._stack[-1] if self._stack else None
        if top is not None and top.key is None and type(top.node) is Map:
            if not isinstance(value, str):
                self._fail(event, "a key must be plain text")
            self._key(top, value, (mark.line + 1, mark.column + 1))
            return
        self._put(value, (mark.line + 1, mark.column + 1))

    def _put(self, value: Any, place: tuple[int, int]) -> None:
        """Hand a finished value to what holds it."""
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

    def _merge(self, node: Map, merges: list[tuple[Any, tuple[int, int]]], event: Any) -> None:
        """Bring in what `<<` names; the map's own keys win, then the earlier sources."""
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
