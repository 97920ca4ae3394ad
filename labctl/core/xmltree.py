"""Trees of XML: how they become text, how one finds one's way in them, and the user's edits."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from labctl.core.identity import XMLNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Element = ET.Element

ET.register_namespace("labctl", XMLNS)


def to_text(element: Element) -> str:
    """Serialise with indentation; the same tree always gives the same text."""
    ET.indent(element)
    return ET.tostring(element, encoding="unicode") + "\n"


def metadata(own: Element) -> Element:
    """Make the `<metadata>` of an object, which holds labctl's own element."""
    holder = ET.Element("metadata")
    holder.append(own)
    return holder


def mark(root: Element, kind: str, lab: str, name: str) -> None:
    """Replace the metadata of a definition by labctl's own, for what someone took it from."""
    if (holder := root.find("metadata")) is not None:
        root.remove(holder)
    root.append(metadata(ET.Element(f"{{{XMLNS}}}{kind}", lab=lab, address=f"{kind}/{name}")))


def own_metadata(root: Element, tag: str) -> Element | None:
    """Find labctl's own element; None on an object that labctl did not make."""
    holder = root.find("metadata")
    return None if holder is None else holder.find(f"{{{XMLNS}}}{tag}")


def find(root: Element, path: str) -> Element | None:
    """The element at a path where each step is there once at most."""
    return follow(root, path.split("/"))


def follow(root: Element, steps: Iterable[str]) -> Element | None:
    """The element that these steps lead to, of which each is there once at most.

    ElementTree's own search, which follows all there are, takes six times as long, and a lab is read in each run.
    """
    element: Element | None = root
    for step in steps:
        if element is None:
            return None
        element = element.find(step)
    return element


def attribute(root: Element, path: str, name: str) -> str:
    """The attribute of the element at a path; empty where there is none."""
    element = find(root, path)
    return "" if element is None else element.get(name, "")


def text(root: Element, path: str) -> str:
    """The text of the element at a path; empty where there is none."""
    element = find(root, path)
    return "" if element is None else element.text or ""


def layers(disk: Element) -> tuple[str, ...]:
    """What a `<disk>` of a domain lies in: the file that is written to, then what that stands on, next first.

    Of a source that is no file the words that name it: a device, `POOL/VOLUME`, `PROTOCOL/NAME`. libvirt tells what
    lies below of a running domain always, of one that is off where a snapshot or its definition said so.
    """
    found = []
    layer: Element | None = disk
    while layer is not None and (source := layer.find("source")) is not None:
        words = (source.get("pool") or source.get("protocol"), source.get("volume") or source.get("name"))
        found.append(source.get("file") or source.get("dev") or "/".join(filter(None, words)))
        layer = layer.find("backingStore")
    return tuple(found)


def edit(root: Element, edits: Sequence[tuple[str, str, str]]) -> None:
    """Apply the escape hatch `xml:`: (at, action, value) with ElementTree's XPath subset, `…/@name` an attribute.

    Raises:
        ValueError: a path finds nothing, or a fragment is not well-formed.
    """
    for at, action, value in edits:
        path, _, attribute = at.partition("/@") if not at.startswith("@") else (".", "", at[1:])
        targets = [root] if path in (".", "") else root.findall(path)
        if not targets:
            raise ValueError(f"{at} finds nothing")
        for target in targets:
            _edit_one(root, target, attribute, action, value)


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
