"""What the XML of a libvirt object says: its spec where labctl made it, and what ours could collide with where not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from labctl.core.record import record
from labctl.kinds.network import xml as network_xml
from labctl.kinds.vm import xml as vm_xml
from labctl.kinds.vm.devices.nic import NIC
from labctl.kinds.vm.domain import DOMAIN

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from labctl.kinds.network.spec import NetworkSpec
    from labctl.kinds.vm.spec import VmSpec


@record
class Foreign:
    """A libvirt object as one that this lab did not make. `subnets` are CIDRs, `macs` lower case, `memory` bytes."""

    kind: str  # "domain" or "network"
    name: str
    uuid: str
    lab: str = ""  # the other lab that made it, if one did
    file: str = ""
    subnets: tuple[str, ...] = ()
    bridge: str = ""
    macs: tuple[str, ...] = ()
    memory: int = 0
    active: bool = False  # of a network


def domain(text: str) -> tuple[Foreign, VmSpec | None]:
    """Read a domain; there is no spec of what labctl did not make."""
    root = ET.fromstring(text)
    spec = vm_xml.read(root)
    macs = tuple(NIC.read(each).mac for each in NIC.elements(root))
    return _foreign("domain", root, spec, macs=macs, memory=DOMAIN.values(root)["max_memory"]), spec


def network(text: str) -> tuple[Foreign, NetworkSpec | None]:
    """Read a network, likewise."""
    root = ET.fromstring(text)
    spec = network_xml.read(root)
    bridge = root.find("bridge")
    subnets = tuple(
        f"{each.get('address')}/{each.get('prefix') or each.get('netmask') or '32'}"
        for each in root.findall("ip")
    )
    name = "" if bridge is None else bridge.get("name", "")
    return _foreign("network", root, spec, subnets=subnets, bridge=name), spec


def adopted(kind: str, text: str, lab: str, name: str) -> Any:
    """Read a `vm` or `network` of the lab from which someone removed labctl's mark: a VmSpec or NetworkSpec."""
    adopt = vm_xml.adopt if kind == "vm" else network_xml.adopt
    return adopt(ET.fromstring(text), lab, name)


def _foreign(kind: str, root: Element, spec: VmSpec | NetworkSpec | None, **more: Any) -> Foreign:
    name, uuid = root.findtext("name") or "", root.findtext("uuid") or ""
    return Foreign(kind, name, uuid, spec.lab if spec else "", spec.file if spec else "", **more)
