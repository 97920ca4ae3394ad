"""Reads `xml:`, and reports mistakes in it before libvirt gets the edited XML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast
from xml.etree import ElementTree as ET

from labctl.labfile.model import XmlEdit
from labctl.labfile.placeholders import PATTERN
from labctl.labfile.yaml_tree import Map, Seq

if TYPE_CHECKING:
    from labctl.labfile.problems import Problems

__all__ = ["read_xml_edits"]

_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"  # https://libvirt.org/drvqemu.html#pass-through-of-arbitrary-qemu-commands
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
    if sign and not re.fullmatch(_NAME, attribute):
        problems.at(entry, "at", f"{at} names no attribute", "as in ./os/type/@machine")
    if "remove" in entry:
        return XmlEdit(at, "remove")
    if "set" in entry:
        return XmlEdit(at, "set", entry["set"])
    if attribute:
        problems.at(entry, "add", "an element can't be added to an attribute", "use set")
    try:
        ET.fromstring(PATTERN.sub("x", cast("str", entry["add"])))
    except ET.ParseError as error:
        cause = error.msg.partition(":")[0]
        hint = f'declare it: xmlns:qemu="{_QEMU}"' if cause == "unbound prefix" else ""
        problems.at(entry, "add", f"not an XML element: {cause}", hint)
    return XmlEdit(at, "add", entry["add"])
