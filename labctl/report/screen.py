"""The one way by which texts leave labctl, for a terminal, a pipe or a log.

Guests, images, files, other users' objects and libvirt give parts of these texts, and what they give must not act on a
terminal. So nothing else in `report` and `cli` writes to a stream, but for what is the user's own: the output of a
command that runs in a guest, and `labctl console`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO, TypeVar

from labctl.core.record import fields, replace
from labctl.core.text import LINES, clipped, printable
from labctl.report.colour import unsealed

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.core.events import Event

LONGEST = 10_000  # characters of a text in an event: an error with the end of a console has 3,000
E = TypeVar("E", bound="Event")


def write(stream: TextIO, text: str) -> None:
    """Write a text at once. All controls in it are escaped, but for newlines, tabs and what `Paint` coloured."""
    stream.write(unsealed(printable(text, LINES)))
    stream.flush()


def bounded(event: E) -> E:
    """The event with texts of a bounded length."""
    return _changed(event, lambda text: clipped(text, LONGEST))


def harmless(event: E) -> E:
    """A bounded event whose texts may be shown by other means than `write`."""
    return _changed(event, lambda text: printable(clipped(text, LONGEST), LINES))


def _changed(event: E, change: Callable[[str], str]) -> E:
    texts = {each.name: getattr(event, each.name) for each in fields(event)}
    texts = {name: text for name, text in texts.items() if isinstance(text, str)}
    changed = {name: new for name, text in texts.items() if (new := change(text)) is not text}
    return replace(event, **changed) if changed else event
