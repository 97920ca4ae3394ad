"""Applies the Labfile's `xml:` to the XML of the wanted objects, before anything is changed. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from copy import deepcopy
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from labctl.core import xmltree
from labctl.core.edits import describe_edit
from labctl.core.errors import Problem
from labctl.core.host_reach import Deed, HostReach
from labctl.core.marked import Marked
from labctl.core.spec import of_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labctl.core.spec import Spec
    from labctl.core.xmltree import Element
    from labctl.labfile.model import LabModel

_OURS = ("name", "uuid")
# What an edit may change without a yes: elements that name no program, file or device, by kind of object. All others,
# also those that libvirt will have one day, are asked for. https://libvirt.org/formatdomain.html, formatnetwork.html
_HARMLESS = {
    "vm": frozenset(
        {
            *("title", "description", "genid", "memory", "currentMemory", "maxMemory", "vcpu", "vcpus"),
            *("cpu", "memtune", "iothreads", "iothreadids", "features"),
            *("clock", "pm", "on_poweroff", "on_reboot", "os/type", "os/boot", "os/bootmenu", "os/bios"),
            *("devices/watchdog", "devices/panic", "devices/iommu", "devices/memballoon"),
        }
    ),
    "network": frozenset({"title", "description", "mtu", "bandwidth", "mac"}),
}
_WORDS = {"vm": "VM", "network": "network"}
_LOOKED_INTO = ("os", "devices")
_TEXTS = ("title", "description")
# No value of a harmless element is a path, has QEMU write its memory to a file, or libvirt run numad.
_TELLING = ("/", "dump", "auto")


def check_xml_edits(lab: LabModel, specs: Iterable[Spec]) -> list[Problem]:
    """Give the problems of all edits: paths that match nothing, and changes of names, UUIDs and metadata.

    A VM with `count` has each problem once.
    """
    found: dict[Problem, None] = {}
    for spec in of_kind(specs, Marked):
        if spec.xml:
            found |= dict.fromkeys(_tried(lab, spec))
    return list(found)


def _tried(lab: LabModel, spec: Marked) -> Iterator[Problem]:
    root, owner = spec.rendered(), spec.written
    before = _identity(root)
    for index, edit in enumerate(spec.xml):
        why = ""
        try:
            xmltree.edit(root, [edit])
        except ValueError as error:
            why = str(error)
        if not why and _identity(root) != before:
            why = f"{edit[0]} is labctl's own: it says whose this is"
        if why:
            path = f"{'.'.join(owner)}.xml[{index}].at"
            yield Problem(why, path, lab.where(*owner, "xml", index, "at"))
            return  # later edits may depend on this one
    try:
        spec.edited()
    except ValueError as error:
        why = f"libvirt's XML can't be read any more: {error}"
        yield Problem(why, f"{'.'.join(owner)}.xml", lab.where(*owner, "xml"))


def _identity(root: Element) -> list[str]:
    return [root.findtext(tag) or "" for tag in _OURS] + [
        xmltree.to_text(each).strip() for each in root.findall("metadata")
    ]


def reaches_of_edits(lab: LabModel, specs: Iterable[Spec]) -> Iterator[HostReach]:
    """The edits that change more than what is known to be harmless. `specs` are those without edits applied."""
    for spec in of_kind(specs, Marked):
        if not spec.xml:
            continue
        why = f"an edit of XML by which libvirt runs and opens what this {_WORDS[spec.kind]} needs"
        root = spec.rendered()
        for index, edit in enumerate(spec.xml):
            before = _parts(root)
            xmltree.edit(root, [edit])
            after = _parts(root)
            if all(_is_harmless(spec.kind, *part) for part in ((before - after) + (after - before))):
                continue
            path = f"{'.'.join(spec.written)}.xml[{index}]"
            where = str(lab.where(*spec.written, "xml", index) or "")
            content = hashlib.sha256(json.dumps(edit).encode()).hexdigest()
            yield HostReach(Deed.EDITS, describe_edit(edit), path, where, why, f"sha256-{content}")


def _parts(root: Element) -> Counter[tuple[str, str]]:
    """The parts of an object's XML by their paths, with their texts; of `os` and `devices` each element is a part."""
    found = [("@", _own(root))]
    for child in root:
        if child.tag in _LOOKED_INTO:
            found.append((f"{child.tag}/@", _own(child)))
            found += [(f"{child.tag}/{each.tag}", xmltree.to_text(deepcopy(each))) for each in child]
        else:
            found.append((child.tag, xmltree.to_text(deepcopy(child))))
    return Counter(found)


def _own(element: Element) -> str:
    """What an element says without its children."""
    return json.dumps([sorted(element.items()), (element.text or "").strip()])


def _is_harmless(kind: str, path: str, text: str) -> bool:
    if path not in _HARMLESS.get(kind, ()):
        return False
    element = ET.fromstring(text)
    values = [value for each in element.iter() for value in (*each.attrib.values(), each.text or "")]
    return path in _TEXTS or not any(sign in value for value in values for sign in _TELLING)


def with_xml_edits(spec: Spec) -> Spec:
    """The spec with its edits applied: changes by `xml:` are then not drift."""
    return spec.edited() if isinstance(spec, Marked) and spec.xml else spec
