"""What kinds other than VMs keep in the metadata of a domain: one element a kind, with a record for each object.

libvirt keeps elements of different namespaces apart: https://libvirt.org/formatdomain.html#general-metadata. So the
driver of VMs and those of other kinds never write over what the others have written (`host.libvirt.records`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from labctl.core.identity import records_namespace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.core.xmltree import Element

Record = dict[str, str]
Records = dict[str, Record]  # by the objects' keys, in the order in which they were made


def read_all(root: Element) -> dict[str, Records]:
    """The records in a domain's XML by their kinds."""
    holder, prefix = root.find("metadata"), f"{{{records_namespace('')}"
    if holder is None:
        return {}
    own = (each for each in holder if each.tag.startswith(prefix))
    return {each.tag.removeprefix(prefix).partition("}")[0]: read(each) for each in own}


def read(element: Element) -> Records:
    """The records of one kind. What is none any more, since somebody edited it, counts as not made."""
    records = ({**each.attrib} for each in element)
    return {key: record for record in records if (key := record.pop("key", ""))}


def render(records: Mapping[str, Mapping[str, str]]) -> str:
    """The element of one kind as virDomainSetMetadata takes it: without a namespace, since libvirt adds it."""
    root = ET.Element("records")
    for key, record in records.items():
        ET.SubElement(root, "record", {"key": key, **record})
    return ET.tostring(root, encoding="unicode")


def element(kind: str, records: Mapping[str, Mapping[str, str]]) -> Element:
    """The element of one kind as a domain's metadata has it."""
    root = ET.fromstring(render(records))
    for each in root.iter():
        each.tag = f"{{{records_namespace(kind)}}}{each.tag}"
    return root
