"""A NIC: https://libvirt.org/formatdomain.html#network-interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.record import replace
from labctl.core.xmlfields import Declaration, Fixed, Property, Read
from labctl.core.xmlforms import LOWER, NUMBER, TEXT, prefixed
from labctl.kinds.vm.disks_and_nics import NicUse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.core.xmltree import Element

NIC = Declaration(
    "devices/interface",
    NicUse,
    Fixed("@type", "network"),
    Property("mac", "mac/@address", LOWER),
    Property("network", "source/@network", read_at=("source/@network", "source/@bridge")),
    Read("port", "source/@portid"),
    Property("model", "model/@type"),
    Property("link", "link/@state", replace(TEXT, absent="up")),
    Property("mtu", "mtu/@size", NUMBER),
    Property("inbound", "bandwidth/inbound/@average", NUMBER),
    Property("outbound", "bandwidth/outbound/@average", NUMBER),
    Property("boot", "boot/@order", NUMBER),
    Property("name", "alias/@name", prefixed("ua-nic-")),
)


def read(element: Element, lab: str, noted: Mapping[str, dict[str, Any]]) -> NicUse:
    """Read a NIC of a VM of a lab. `noted` has what labctl's metadata say of NICs, by their names."""
    values = NIC.values(element)
    values["name"] = values["name"] or values["mac"]
    network = values["network"]
    ours = network.removeprefix(f"{lab}.") if network.startswith(f"{lab}.") else ""
    return NicUse(**values | noted.get(values["name"], {}), ours=ours)
