"""What was read from XML before: a text that is the same, byte for byte, need not be parsed again.

Reading is pure, so this is no second truth: libvirt is asked for every text in each run. It spares `status` the parser
and its import, a seventh of its time.
"""

from __future__ import annotations

import marshal
import os
import sys
from typing import TYPE_CHECKING, Any

from labctl import __version__
from labctl.core.record import is_record, values
from labctl.host import kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class Readings:
    """The readings of one kind, kept under a name.

    Args:
        path: the file where they are kept, None for nowhere.
        read: makes records and tuples of plain values out of a text.
        kinds: the classes of these records.
    """

    def __init__(self, path: str | None, read: Callable[[str], Any], kinds: Iterable[type]) -> None:
        self._path = path
        self._read = read
        self._kinds = {kind.__name__: kind for kind in kinds}
        code = os.stat(str(sys.modules[read.__module__].__file__))  # another one may read otherwise
        self._stamp = (__version__, sys.implementation.cache_tag, code.st_mtime_ns, code.st_size)

    def of(self, texts: Sequence[str]) -> list[Any]:
        """What these say; they alone are kept for the next run."""
        before = self._kept()
        now = {text: before[text] if text in before else _packed(self._read(text)) for text in texts}
        if self._path and now.keys() != before.keys():
            kept.write(self._path, marshal.dumps((self._stamp, now)))
        return [self._unpacked(now[text]) for text in texts]

    def _kept(self) -> dict[str, Any]:
        try:
            data = kept.read(self._path) if self._path else b""
            stamp, known = marshal.loads(data)  # noqa: S302  # this user wrote it, as what Python compiled
        except (ValueError, EOFError, TypeError):
            return {}  # none yet, or not ours
        return known if stamp == self._stamp else {}

    def _unpacked(self, value: Any) -> Any:
        if isinstance(value, list):
            name, *fields = value
            return self._kinds[name](*map(self._unpacked, fields))
        return tuple(map(self._unpacked, value)) if isinstance(value, tuple) else value


def _packed(value: Any) -> Any:
    """Plain values, which `marshal` takes; a list stands for a record."""
    if is_record(value):
        return [type(value).__name__, *map(_packed, values(value).values())]
    return tuple(map(_packed, value)) if isinstance(value, tuple) else value
