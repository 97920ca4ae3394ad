"""labctl's metadata in a domain: the owner, digests, the guest's configuration, and whether the VM was ready.

libvirt's XML has no other place for these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from labctl.core import xmltree
from labctl.core.edits import EDITS
from labctl.core.identity import XMLNS
from labctl.core.ip import parse_addresses
from labctl.core.lifecycle import Stage
from labctl.core.version import VERSION
from labctl.core.xmlfields import Declaration, Property, Written
from labctl.core.xmlforms import NO, OPTIONAL, WORDS, YES, Form, prefixed
from labctl.guest.nic_config import NicConfig
from labctl.kinds.vm.disks_and_nics import NicUse
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from labctl.core.xmltree import Element

_AFTER = Form(
    lambda after: " ".join(f"{vm}:{stage}" for vm, stage in after) or None,
    lambda text: tuple((vm, Stage(stage)) for vm, stage in (word.split(":") for word in text.split())),
    (),
)
_CONFIG = Form(
    lambda config: "; ".join(config.lines) or None,
    lambda text: NicConfig.parse(text.split("; ")),
    NicConfig(),
)
_ADDRESSES = Form(
    lambda addresses: " ".join(map(str, addresses)) or None, lambda text: parse_addresses(text.split()), ()
)

METADATA = Declaration(
    f"metadata/{{{XMLNS}}}vm",
    VmSpec,
    Property("lab", "@lab"),
    Property("name", "@address", prefixed("vm/")),
    Property("file", "@file"),
    Written(lambda _spec: VERSION, "@version"),
    Property("base", "@base"),
    Property("user", "@user"),
    Property("applied", "@applied"),
    Property("machine", "@machine", OPTIONAL),  # as the Labfile has it: libvirt writes q35 as pc-q35-7.2
    Property("seed", "@seed"),
    Property("hosts", "@hosts"),
    Property("keys", "@keys"),
    Property("problem", "@problem"),
    Property("protect", "@protect", YES),
    Property("ready", "@ready", YES),
    Property("awaited", "@awaited", NO),
    Property("xml", "@xml", EDITS),
    Property("after", "@after", _AFTER),
    Property("images", "@images", WORDS),
)
# The configuration of a NIC that was sent to the guest, and the addresses that the guest reported
NIC = Declaration(
    f"{METADATA.path}/{{{XMLNS}}}nic",
    NicUse,
    Property("name", "@name"),
    Property("guest", "@guest", _CONFIG),
    Property("seen", "@seen", _ADDRESSES),
)


def render(spec: VmSpec) -> Element:
    """Make the `<metadata>` element."""
    own = METADATA.render(spec)
    own.extend(NIC.render(nic) for nic in spec.nics if nic.guest)
    return xmltree.metadata(own)


def plain(spec: VmSpec) -> str:
    """The metadata as virDomainSetMetadata takes it: without namespaces, since libvirt adds labctl's."""
    own = render(spec)[0]
    for each in own.iter():
        each.tag = each.tag.rpartition("}")[2]
    return ET.tostring(own, encoding="unicode")


def nics(own: Element) -> dict[str, dict[str, Any]]:
    """A NIC's name → what the metadata has of it."""
    values = [NIC.values(each) for each in own]
    return {each["name"]: each for each in values}
