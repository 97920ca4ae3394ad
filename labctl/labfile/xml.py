"""Reads the escape hatch `xml:`, so that a slip shows before libvirt sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from xml.etree import ElementTree as ET

from labctl.labfile.markers import PATTERN
from labctl.labfile.model import XmlEdit
from labctl.labfile.tree import Map, Seq

if TYPE_CHECKING:
    from labctl.labfile.problems import Problems

__all__ = ["edits"]


def edits(tree: Map, problems: Problems) -> tuple[XmlEdit, ...]:
    """Read `xml: [{at, set|add|remove}]`; paths and fragments are tried."""
    return tuple(_edit(entry, problems) for entry in tree.get("xml") or Seq(tree.mark))


def _edit(entry: Map, problems: Problems) -> XmlEdit:
    at: str = entry["at"]
    element, _, attribute = at.rpartition("/@") if "/@" in at or at.startswith("@") else (at, "", "")
    try:
        ET.Element("domain").findall(element or ".")
    except (SyntaxError, KeyError, TypeError, IndexError):
        problems.at(
            entry, "at", f"{at} is not a path that ElementTree knows", "as in ./devices/disk[2]/@type"
        )
    if "remove" in entry:
        return XmlEdit(at, "remove")
    if "set" in entry:
        return XmlEdit(at, "set", entry["set"])
    if attribute:
        problems.at(entry, "add", "an element can't be added to an attribute", "use set")
    try:
        ET.fromstring(PATTERN.sub("x", cast("str", entry["add"])))
    except ET.ParseError as error:
        problems.at(entry, "add", f"not an XML element: {error.msg.partition(':')[0]}")
    return XmlEdit(at, "add", entry["add"])
