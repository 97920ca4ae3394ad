"""Reads `xml:`, and reports mistakes in it before libvirt gets the edited XML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from labctl.labfile.model import XmlEdit
from labctl.labfile.placeholders import PATTERN
from labctl.labfile.yaml_tree import Map, Seq

if TYPE_CHECKING:
    from labctl.labfile.problems import Problems

__all__ = ["read_xml_edits"]

_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"  # https://libvirt.org/drvqemu.html#pass-through-of-arbitrary-qemu-commands
_DEEPEST = 16  # levels of an added element
_MOST_DESCENTS = 2  # `//` in a path: each multiplies the time of the search by the size of the XML
_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*"


def read_xml_edits(tree: Map, problems: Problems) -> tuple[XmlEdit, ...]:
    """Read `xml: [{at, set|add|remove}]`. Invalid paths and fragments are reported."""
    return tuple(_edit(entry, problems) for entry in tree.get("xml") or Seq(tree.mark))


def _edit(entry: Map, problems: Problems) -> XmlEdit:
    at: str = entry["at"]
    path, sign, attribute = f"/{at}".partition("/@")
    try:
        ET.Element("domain").findall(path[1:] or ".")
    except (SyntaxError, KeyError, TypeError, IndexError):
        problems.at(
            entry, "at", f"{at} is not a path that ElementTree knows", "as in ./devices/disk[2]/@type"
        )
    if at.count("//") > _MOST_DESCENTS:
        problems.at(entry, "at", f"more than {_MOST_DESCENTS} times //", "name the elements between")
    if sign and not re.fullmatch(_NAME, attribute):
        problems.at(entry, "at", f"{at} names no attribute", "as in ./os/type/@machine")
    if "remove" in entry:
        return XmlEdit(at, "remove")
    if "set" in entry:
        return XmlEdit(at, "set", entry["set"])
    if attribute:
        problems.at(entry, "add", "an element can't be added to an attribute", "use set")
    cause = _no_element(PATTERN.sub("x", entry["add"]))
    if cause:
        hint = f'declare it: xmlns:qemu="{_QEMU}"' if cause == "unbound prefix" else ""
        problems.at(entry, "add", f"not an XML element: {cause}", hint)
    return XmlEdit(at, "add", entry["add"])


def _no_element(text: str) -> str:
    """Say why a text is no element that can be added; empty if it is one."""
    if "<!" in text:  # entities, by which a short text becomes a long one, are declared in a DOCTYPE
        return "<! is not allowed: no DOCTYPE, comment or CDATA"
    try:
        level = [ET.fromstring(text)]
    except ET.ParseError as error:
        return error.msg.partition(":")[0]
    for _ in range(_DEEPEST):
        level = [each for element in level for each in element]
        if not level:
            return ""
    return f"it is nested deeper than {_DEEPEST} levels"
