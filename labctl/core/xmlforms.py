"""The forms of values in libvirt's XML: texts, `yes` and `no`, numbers, sizes with a unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.ip import parse_addresses
from labctl.core.record import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable
    from xml.etree.ElementTree import Element


@record
class Form:
    """The form of a value in XML.

    `write` gives the text of a value, or None where the value is not written. `read` gives the value of a text.
    `absent` is the value where the XML has no text.
    """

    write: Callable[[Any], str | None]
    read: Callable[[str], Any]
    absent: Any


TEXT = Form(lambda text: text or None, str, "")
OPTIONAL = replace(TEXT, absent=None)
LOWER = replace(TEXT, read=str.lower)
NUMBER = Form(lambda number: str(number) if number else None, int, 0)
WHOLE = replace(NUMBER, write=str)  # written where it is 0 as well
WORDS = Form(lambda words: " ".join(words) or None, lambda text: tuple(text.split()), ())
# For booleans. YES is written for true only, NO for false only, YES_NO for both.
YES = Form(lambda value: "yes" if value else None, lambda text: text == "yes", absent=False)
YES_NO = replace(YES, write=lambda value: "yes" if value else "no")
NO = Form(lambda value: None if value else "no", lambda text: text != "no", absent=True)
ADDRESS = Form(
    lambda address: str(address) if address else None,
    lambda text: next(iter(parse_addresses([text])), None),
    None,
)
# For a boolean that is true where the element exists.
PRESENT = Form(lambda value: "" if value else None, lambda _text: True, absent=False)


def prefixed(prefix: str) -> Form:
    """A text that has this prefix in the XML, but not in the value."""
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
    """The number of bytes that an element gives by its text and its attribute `unit`."""
    return int(element.text or 0) * UNITS[element.get("unit", "KiB")]
