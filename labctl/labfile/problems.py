"""Collects the problems of a Labfile, so that they are shown all at once, in the order of the file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from labctl.core.closest_matches import closest_matches
from labctl.core.errors import Position, Problem
from labctl.core.text import printable
from labctl.labfile.placeholders import as_written
from labctl.labfile.yaml_tree import (
    FieldPath,
    Map,
    Mark,
    Seq,
    entry_mark,
    key_position,
    path_text,
    value_position,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Problems", "did_you_mean"]

_SHORTEST_SECRET = 3  # redacting shorter ones would make messages unreadable and hide nothing


class Problems:
    """Errors, warnings and notes; each is kept once for one position.

    A problem is reported at an entry of a map or list. The path that it shows is looked up by the entry's position: a
    field that a VM takes from `defaults` is shown as `defaults.…`, as the user wrote it.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.secrets: tuple[str, ...] = ()
        # Set while the second and later instances of a VM are read: they have the problems of the first one again.
        self.repeated = False
        self._found: dict[tuple[Position | None, str], Problem] = {}
        self._places: set[Position | None] = set()
        self._trees: list[tuple[Map, FieldPath]] = []
        self._paths: dict[tuple[str, int, int], FieldPath] | None = None

    def __len__(self) -> int:
        return sum(problem.severity == "error" for problem in self._found.values())

    def add_tree(self, tree: Map, prefix: FieldPath = ()) -> None:
        """Look up paths in this tree as well. `prefix` is the field of the Labfile that includes the tree's file."""
        self._trees.append((tree, prefix))
        self._paths = None

    def at(
        self, holder: Map | Seq, key: str | int, summary: str, hint: str = "", *, severity: str = "error"
    ) -> None:
        """Report a problem with a value."""
        mark = entry_mark(holder, key)
        missing = key not in holder if isinstance(holder, Map) else False
        path = self._path(mark)
        self.add(
            Problem(
                summary, path_text((*path, key) if missing else path), value_position(mark), hint, severity
            )
        )

    def at_key(self, holder: Map, key: str, summary: str, hint: str = "", *, severity: str = "error") -> None:
        """Report a problem with a key, or with its value as a whole."""
        mark = entry_mark(holder, key)
        self.add(Problem(summary, path_text(self._path(mark)), key_position(mark), hint, severity))

    def add(self, problem: Problem) -> None:
        """Report a problem. A second one with the same summary at the same position is dropped."""
        summary, path, hint = map(self._redacted, (problem.summary, problem.path, problem.hint))
        severity = problem.severity
        problem = Problem(summary, path, problem.where, hint, severity)
        if self.repeated and problem.where in self._places:
            return
        if severity != "note":
            self._places.add(problem.where)
        self._found.setdefault((problem.where, problem.summary), problem)

    def errors(self) -> tuple[Problem, ...]:
        """All errors in the order of the file, then those of other files."""
        return self._sorted("error")

    def warnings(self) -> tuple[Problem, ...]:
        """All warnings and notes, in the same order."""
        return self._sorted("warning", "note")

    def _sorted(self, *severities: str) -> tuple[Problem, ...]:
        def order(problem: Problem) -> tuple[bool, bool, str, int, int]:
            where = problem.where or Position("", 0, 0)
            return problem.where is None, where.file != self.file, where.file, where.line, where.column

        found = [problem for problem in self._found.values() if problem.severity in severities]
        return tuple(sorted(found, key=order))

    def path_for_user(self, written: str) -> str:
        """Give a path relative to the Labfile's folder as one that, like `file`, is relative to the user's folder."""
        return os.path.normpath(os.path.join(os.path.dirname(self.file), written))  # noqa: PTH118, PTH120

    def holds_secret(self, value: object) -> bool:
        """Whether a value contains a secret: then no message may show any part of it."""
        return any(secret in str(value) for secret in self.secrets if secret)

    def _redacted(self, text: str) -> str:
        """Redact secrets in a text, and make it one line without control characters."""
        for secret in self.secrets:
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "***")
        return printable(as_written(text))

    def reported(self, holder: Map | Seq, key: str | int, text: str) -> bool:
        """Whether a problem that mentions `text` was reported at this value."""
        where = value_position(entry_mark(holder, key))
        return where in self._places and any(
            place == where and text in summary for place, summary in self._found
        )

    def path_of(self, holder: Map | Seq, key: str | int) -> FieldPath:
        """Give the path of an entry as the user wrote it."""
        return self._path(entry_mark(holder, key))

    def _path(self, mark: Mark) -> FieldPath:
        if self._paths is None:
            self._paths = {}
            for tree, prefix in self._trees:
                self._paths.setdefault(tree.mark[:3], prefix)
                for path, place, _ in walk(tree, prefix):
                    self._paths.setdefault(place[:3], path)
        return self._paths.get(mark[:3], ())


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Give a hint for an unknown name: the most similar known one, else `otherwise`, else all known ones if few."""
    names = sorted(set(known))
    close = closest_matches(name, names, cutoff=0.65)
    if close:
        return f"did you mean {close[0]}?"
    if otherwise or not names:
        return otherwise
    few = 12
    return f"known: {', '.join(names)}" if len(names) <= few else ""
