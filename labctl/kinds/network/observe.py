"""The specs of a lab's existing networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core.found import Found
from labctl.core.marked import foreign, own
from labctl.core.record import replace
from labctl.core.spec import YES
from labctl.host.libvirt.dumps import described, dumps
from labctl.host.libvirt.look import uuids
from labctl.host.machine import bridges
from labctl.kinds.network import xml
from labctl.kinds.network.ip import IP
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.network.xml import NETWORK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.core.marked import Foreign
    from labctl.host.libvirt.look import Look


def observe(look: Look) -> Found[NetworkSpec]:
    virt = look.virt
    listed = virt.listAllNetworks()
    active = uuids(virt.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE))
    autostarting = uuids(virt.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_AUTOSTART))
    transient = uuids(virt.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_TRANSIENT))
    texts = described(listed, definition)
    ours, others = [], []
    for network, text in zip(listed, texts, strict=True):
        if text is None:
            continue
        spec, other = read(look.lab, text)
        if spec is None:
            others.append(replace(other, active=other.uuid in active))
            continue
        spec = replace(spec, active=other.uuid in active, autostart=other.uuid in autostarting)
        ours.append((network, replace(spec, undefined=YES if other.uuid in transient else "")))
    return Found(tuple(_as_they_run(look, ours)), foreign=tuple(others))


def read(lab: str, text: str) -> tuple[NetworkSpec | None, Foreign]:
    """The spec of a network by its XML, None unless it is the lab's, and the network as a foreign object."""
    root = ET.fromstring(text)
    spec = xml.read(root)
    subnets = tuple(str(IP.read(each)) for each in IP.elements(root))
    other = foreign("network", root, spec, subnets=subnets, bridge=NETWORK.values(root)["bridge"])
    return own(lab, spec, other, lambda name: xml.adopt(root, lab, name), NetworkSpec), other


def definition(network: Any) -> str:  # of a virNetwork
    """The persistent definition's XML, or the live one for a driver that has no other."""
    try:
        return str(network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE))
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_INVALID_ARG:
            raise
        return str(network.XMLDesc(0))


def _as_they_run(look: Look, ours: Sequence[tuple[Any, NetworkSpec]]) -> list[NetworkSpec]:
    """The networks, active ones with their live values; networks that disappeared meanwhile are left out."""
    visible = bridges.can_be_checked(look.connection)
    texts = iter(dumps([network for network, spec in ours if spec.active]))
    found = []
    for _, spec in ours:
        text = next(texts) if spec.active else ""
        if text:
            seen = _running(spec, read(look.lab, text)[0])
            found.append(_checked(seen) if visible else seen)
        elif text is not None:
            found.append(spec)
    return found


def _running(spec: NetworkSpec, live: NetworkSpec | None) -> NetworkSpec:
    """The network's spec: DHCP and DNS of the live XML, the rest of the persistent definition.

    libvirt changes the metadata only in the persistent definition.
    """
    if live is None:
        return spec
    return replace(spec, dhcp_hosts=live.dhcp_hosts, dns_hosts=live.dns_hosts, dhcp_range=live.dhcp_range)


def _checked(network: NetworkSpec) -> NetworkSpec:
    """The network's spec with `unlinked` set if its bridge is missing, and `unserved` if its dnsmasq is."""
    bridge = "" if network.attached else network.bridge
    gone = bridges.missing_part(network.libvirt_name, bridge, served=network.served)
    return replace(
        network, unlinked=YES if gone == "bridge" else "", unserved=YES if gone == "dnsmasq" else ""
    )
