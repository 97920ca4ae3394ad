"""Collects the problems of a Labfile, so that they are shown all at once, in the order of the file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from labctl.core.closest_matches import closest_matches
from labctl.core.errors import MOST_PROBLEMS, Position, Problem, Rejected, and_more
from labctl.core.record import replace
from labctl.core.redaction import Redactor
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
    from collections.abc import Callable, Iterable

    # A hint that takes a search for similar names is a function, which is called if the problem is told.
    Hint = str | Callable[[], str]

__all__ = ["Problems", "did_you_mean"]

_LONGEST = 1000  # characters of each part of a message


class Problems:
    """Errors, warnings and notes; each is kept once for one position, or where it has none, for one path.

    A problem is reported at an entry of a map or list. The path that it shows is looked up by the entry's position: a
    field that a VM takes from `defaults` is shown as `defaults.…`, as the user wrote it.
    """

    def __init__(self, file: str, redactor: Redactor | None = None) -> None:
        self.file = file
        self.redactor = redactor or Redactor()
        # Set while the second and later instances of a VM are read: they have the problems of the first one again.
        self.repeated = False
        self._found: dict[tuple[Position | str, str], tuple[Problem, Hint]] = {}
        self._errors = 0
        self._places: dict[Position | str, list[str]] = {}  # the summaries at each, but for notes
        self._trees: list[tuple[Map, FieldPath]] = []
        self._paths: dict[tuple[str, int, int], FieldPath] | None = None

    def __len__(self) -> int:
        return self._errors

    def add_tree(self, tree: Map, prefix: FieldPath = ()) -> None:
        """Look up paths in this tree as well. `prefix` is the field of the Labfile that includes the tree's file."""
        self._trees.append((tree, prefix))
        self._paths = None

    def at(
        self, holder: Map | Seq, key: str | int, summary: str, hint: Hint = "", *, severity: str = "error"
    ) -> None:
        """Report a problem with a value."""
        mark = entry_mark(holder, key)
        missing = key not in holder if isinstance(holder, Map) else False
        path = self._path(mark)
        where = value_position(mark)
        self.add(
            Problem(summary, path_text((*path, key) if missing else path), where, severity=severity), hint
        )

    def at_key(
        self, holder: Map, key: str, summary: str, hint: Hint = "", *, severity: str = "error"
    ) -> None:
        """Report a problem with a key, or with its value as a whole."""
        mark = entry_mark(holder, key)
        self.add(Problem(summary, path_text(self._path(mark)), key_position(mark), severity=severity), hint)

    def add(self, problem: Problem, hint: Hint = "") -> None:
        """Report a problem. A second one with the same summary at the same position is dropped."""
        summary, path = self._shown(problem.summary), self._shown(problem.path)
        place = problem.where or path
        if (self.repeated and place in self._places) or (place, summary) in self._found:
            return
        if problem.severity != "note":
            self._places.setdefault(place, []).append(summary)
        self._errors += problem.severity == "error"
        self._found[place, summary] = (
            replace(problem, summary=summary, path=path),
            hint or problem.hint,
        )

    def rejected(self) -> Rejected:
        """All errors in the order of the file, then those of other files."""
        return Rejected(self._first("error"), max(0, self._errors - MOST_PROBLEMS))

    def warnings(self) -> tuple[Problem, ...]:
        """The warnings and notes, in the same order; of too many the first, and how many more there are."""
        told = self._first("warning", "note")
        left = len(self._found) - self._errors - len(told)
        return (*told, *(Problem(text, severity="warning") for text in and_more(left)))

    def _first(self, *severities: str) -> tuple[Problem, ...]:
        def order(found: tuple[Problem, Hint]) -> tuple[bool, bool, str, int, int]:
            place = found[0].where
            where = place or Position("", 0, 0)
            return place is None, where.file != self.file, where.file, where.line, where.column

        found = [each for each in self._found.values() if each[0].severity in severities]
        return tuple(
            replace(problem, hint=self._shown(hint if isinstance(hint, str) else hint()))
            for problem, hint in sorted(found, key=order)[:MOST_PROBLEMS]
        )

    def path_for_user(self, written: str) -> str:
        """Give a path relative to the Labfile's folder as one that, like `file`, is relative to the user's folder."""
        return os.path.normpath(os.path.join(os.path.dirname(self.file), written))  # noqa: PTH118, PTH120

    def _shown(self, text: str) -> str:
        """Mask secrets in a text, and make it one line without control characters, of a length that people read."""
        shown = printable(as_written(self.redactor.in_text(text)))
        return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"

    def reported(self, holder: Map | Seq, key: str | int, text: str) -> bool:
        """Whether a problem that mentions `text` was reported at this value or its key."""
        mark = entry_mark(holder, key)
        places = (value_position(mark), key_position(mark))
        return any(text in summary for place in places for summary in self._places.get(place, ()))

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
