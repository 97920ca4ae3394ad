"""What was read before: a text that is the same, byte for byte, need not be parsed again, nor its parser imported.

Reading is pure, so this is no second truth: libvirt is asked for the texts, and files are opened, in each run. What has
no text (the digest of a file; a volume, which libvirt looks into) is known by the state of its file, as make and git do
it (docs/adr/0013).
"""

from __future__ import annotations

import marshal
import os
import sys
from typing import TYPE_CHECKING, Any, Self, TypeVar

import labctl
from labctl.core.record import MISSING, is_record, restored, values
from labctl.host.files import kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

S = TypeVar("S")
T = TypeVar("T")


class Readings:
    """The readings of one run, as a context: those that it asked for are kept at its end for the next one.

    Args:
        path: the file where they are kept, None for nowhere.
        kinds: the classes of the records that may be among them.
        packages: those of labctl, as "kinds/vm", whose code says what is read; other code reads anew.
    """

    def __init__(self, path: str | None, kinds: Iterable[type] = (), packages: Iterable[str] = ()) -> None:
        self._path = path
        self._kinds = {kind.__name__: kind for kind in kinds}
        self._stamp = (labctl.__version__, sys.implementation.cache_tag, *map(_code, packages))
        self._before = self._kept()
        self._now: dict[Any, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        if self._path and not failed and self._now.keys() != self._before.keys():
            whole: Any = (self._stamp, self._now)
            kept.write(self._path, marshal.dumps(whole))

    def of(
        self, read: Callable[[S], T], sources: Sequence[S], kept: Callable[[S], bool] = lambda _: True
    ) -> list[T]:
        """What these say.

        Args:
            read: makes records, tuples and dicts of plain values out of a source, and depends on nothing else.
            sources: texts, or tuples of plain values.
            kept: which of them may be kept, by default all.
        """
        return [self._read(read, source) if kept(source) else read(source) for source in sources]

    def _read(self, read: Callable[[S], T], source: S) -> Any:
        if not self._has(read.__name__, source):
            self.keep(read.__name__, source, read(source))
        return self.find(read.__name__, source)

    def find(self, what: str, source: Any) -> Any:
        """What was read of this source, MISSING where nothing is known."""
        return self._unpacked(self._now[what, source]) if self._has(what, source) else MISSING

    def keep(self, what: str, source: Any, read: Any) -> None:
        """Have it for the next run."""
        self._now[what, source] = _packed(read)

    def _has(self, what: str, source: Any) -> bool:
        """Whether it is known; what was asked for is kept for the next run."""
        key = what, source
        if key not in self._now and key in self._before:
            self._now[key] = self._before[key]
        return key in self._now

    def _kept(self) -> dict[Any, Any]:
        try:
            data = kept.read(self._path) if self._path else b""
            stamp, known = marshal.loads(data)  # noqa: S302  # this user wrote it, as what Python compiled
        except (ValueError, EOFError, TypeError):
            return {}  # none yet, or not ours
        return known if stamp == self._stamp else {}

    def _unpacked(self, value: Any) -> Any:
        if isinstance(value, list):
            name, whole, deep = value
            return restored(self._kinds[name], whole | {each: self._unpacked(whole[each]) for each in deep})
        if isinstance(value, dict):
            return dict(value)  # what is given out is the caller's own
        return tuple(map(self._unpacked, value)) if isinstance(value, tuple) else value


def _packed(value: Any) -> Any:
    """Plain values, which `marshal` takes. A list is a record: its class, its fields, those that hold others."""
    if is_record(value):
        whole = {name: _packed(each) for name, each in values(value).items()}
        return [type(value).__name__, whole, tuple(name for name, each in whole.items() if _is_deep(each))]
    if isinstance(value, dict):
        return dict(value)
    return tuple(map(_packed, value)) if isinstance(value, tuple) else value


def _is_deep(packed: Any) -> bool:
    return isinstance(packed, list | dict) or (isinstance(packed, tuple) and any(map(_is_deep, packed)))


def _code(package: str) -> tuple[tuple[str, int, int], ...]:
    """What tells that the files of a package are the same, as for make."""
    with os.scandir(os.path.join(labctl.__path__[0], package)) as files:
        facts = sorted((each.name, each.stat()) for each in files if each.name.endswith(".py"))
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in facts)
