"""Tells which edits of the Labfile's `xml:` need a yes, by what they do to an object's XML (docs/adr/0028). Pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from copy import deepcopy
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from labctl.core import xmltree
from labctl.core.edits import describe_edit
from labctl.core.host_reach import Deed, HostReach
from labctl.core.marked import Marked
from labctl.core.spec import of_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labctl.core.spec import Spec
    from labctl.core.xmltree import Element
    from labctl.labfile.model import LabModel

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
