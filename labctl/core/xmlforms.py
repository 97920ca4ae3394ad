"""How values stand in libvirt's XML: as texts, `yes` and `no`, numbers, sizes with a unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.ip import read_addresses
from labctl.core.record import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable
    from xml.etree.ElementTree import Element


@record
class Form:
    """How values stand in XML.

    `write` gives the text of a value, or None for one that is not written. `read` gives the value of a text, `absent`
    is the value where there is none.
    """

    write: Callable[[Any], str | None]
    read: Callable[[str], Any]
    absent: Any


TEXT = Form(lambda text: text or None, str, "")
OPTIONAL = replace(TEXT, absent=None)
LOWER = replace(TEXT, read=str.lower)
NUMBER = Form(lambda number: str(number) if number else None, int, 0)
WORDS = Form(lambda words: " ".join(words) or None, lambda text: tuple(text.split()), ())
# Of what is so or not: YES is written where it is so, NO where it is not, YES_NO always
YES = Form(lambda is_so: "yes" if is_so else None, lambda text: text == "yes", absent=False)
YES_NO = replace(YES, write=lambda is_so: "yes" if is_so else "no")
NO = Form(lambda is_so: None if is_so else "no", lambda text: text != "no", absent=True)
ADDRESS = Form(
    lambda address: str(address) if address else None,
    lambda text: next(iter(read_addresses([text])), None),
    None,
)
# An element that says so by being there
PRESENT = Form(lambda is_so: "" if is_so else None, lambda _text: True, absent=False)


def prefixed(prefix: str) -> Form:
    """Text that has a prefix in the XML, which the value lacks."""
    return Form(lambda text: prefix + text, lambda text: text.removeprefix(prefix), "")


UNITS = {
    "b": 1,
    "bytes": 1,
    "KB": 10**3,
    "KiB": 1 << 10,
    "k": 1 << 10,
    "MB": 10**6,
    "MiB": 1 << 20,
    "M": 1 << 20,
    "GB": 10**9,
    "GiB": 1 << 30,
    "G": 1 << 30,
    "TiB": 1 << 40,
    "T": 1 << 40,
}


def size_of(element: Element) -> int:
    """The bytes that the text of an element and its attribute `unit` stand for."""
    return int(element.text or 0) * UNITS[element.get("unit", "KiB")]
