"""Functions on trees of XML: writing them as text, finding elements, and applying the Labfile's `xml:`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from labctl.core.identity import XMLNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Element = ET.Element
# What edits may make of an object's XML: ElementTree calls itself for each level.
MOST_ADDED, MOST_ELEMENTS, DEEPEST = 1 << 20, 10_000, 64

ET.register_namespace("labctl", XMLNS)


def to_text(element: Element) -> str:
    """Write a tree as indented text. The same tree always gives the same text."""
    ET.indent(element)
    return ET.tostring(element, encoding="unicode") + "\n"


def metadata(own: Element) -> Element:
    """Make an object's `<metadata>`, which contains labctl's own element."""
    holder = ET.Element("metadata")
    holder.append(own)
    return holder


def mark(root: Element, kind: str, lab: str, name: str) -> None:
    """Replace the metadata of a definition by labctl's mark, for an object whose mark was removed."""
    if (holder := root.find("metadata")) is not None:
        root.remove(holder)
    root.append(metadata(ET.Element(f"{{{XMLNS}}}{kind}", lab=lab, address=f"{kind}/{name}")))


def own_metadata(root: Element, tag: str) -> Element | None:
    """Find labctl's own element in the metadata; None on an object that labctl did not make."""
    holder = root.find("metadata")
    return None if holder is None else holder.find(f"{{{XMLNS}}}{tag}")


def find(root: Element, path: str) -> Element | None:
    """The first element at a path; None where there is none."""
    return follow(root, path.split("/"))


def follow(root: Element, steps: Iterable[str]) -> Element | None:
    """The element that these steps lead to, each to the first child of that name; None where there is none.

    ElementTree's own search tries all children of each step. It takes six times as long, and each run reads the lab's
    XML.
    """
    element: Element | None = root
    for step in steps:
        if element is None:
            return None
        element = element.find(step)
    return element


def remove(parent: Element, *tags: str) -> None:
    """Remove all children with these tags."""
    for tag in tags:
        for element in parent.findall(tag):
            parent.remove(element)


def attribute(root: Element, path: str, name: str) -> str:
    """The attribute of the element at a path; empty where it is missing."""
    element = find(root, path)
    return "" if element is None else element.get(name, "")


def text(root: Element, path: str) -> str:
    """The text of the element at a path; empty where it is missing."""
    element = find(root, path)
    return "" if element is None else element.text or ""


def layers(disk: Element) -> tuple[str, ...]:
    """The files of a domain's `<disk>`: first the file that the guest writes to, then its chain of backing files.

    A source that is not a file is given as its device, `POOL/VOLUME` or `PROTOCOL/NAME`. libvirt always gives the
    backing files of a running domain; of a domain that is off, only if a snapshot or the definition states them.
    """
    found = []
    layer: Element | None = disk
    while layer is not None and (source := layer.find("source")) is not None:
        words = (source.get("pool") or source.get("protocol"), source.get("volume") or source.get("name"))
        found.append(source.get("file") or source.get("dev") or "/".join(filter(None, words)))
        layer = layer.find("backingStore")
    return tuple(found)


def edit(root: Element, edits: Sequence[tuple[str, str, str]]) -> None:
    """Apply the edits of the Labfile's `xml:` to a tree.

    Each edit is (at, action, value). `at` is a path in ElementTree's subset of XPath; with `/@NAME` it is an attribute.

    Raises:
        ValueError: a path matches nothing, a fragment is not well-formed, or the tree gets too large.
    """
    for at, action, value in edits:
        path, _, attribute = at.partition("/@") if not at.startswith("@") else (".", "", at[1:])
        targets = [root] if path in (".", "") else root.findall(path)
        if not targets:
            raise ValueError(f"{at} finds nothing")
        _bounded(root, value, len(targets))
        for target in targets:
            _edit_one(root, target, attribute, action, value)
    if _deeper(root, DEEPEST):
        raise ValueError(f"the XML is nested deeper than {DEEPEST} levels")


def _bounded(root: Element, value: str, times: int) -> None:
    elements = sum(1 for _ in root.iter()) + value.count("<") * times
    if elements > MOST_ELEMENTS or len(value) * times > MOST_ADDED:
        raise ValueError(f"the XML grows beyond {MOST_ELEMENTS:,} elements or {MOST_ADDED >> 20} MB")


def _deeper(root: Element, levels: int) -> bool:
    level = [root]
    for _ in range(levels):
        level = [each for element in level for each in element]
    return bool(level)


def _edit_one(root: Element, target: Element, attribute: str, action: str, value: str) -> None:
    if action == "add":
        try:
            target.append(ET.fromstring(value))
        except ET.ParseError as error:
            raise ValueError(f"the fragment is not well-formed: {error}") from error
    elif action == "set" and attribute:
        target.set(attribute, value)
    elif action == "set":
        target.text = value
    elif attribute:
        target.attrib.pop(attribute, None)
    else:
        parent = next((each for each in root.iter() if target in list(each)), None)
        if parent is None:
            raise ValueError("the root can't be removed")
        parent.remove(target)
