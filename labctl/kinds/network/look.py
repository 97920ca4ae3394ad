"""Networks as libvirt has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core.record import replace

if TYPE_CHECKING:
    from labctl.kinds.network.spec import NetworkSpec


def definition(network: Any) -> str:  # of a virNetwork
    """The persistent definition; a driver that keeps none beside the running one has only that to show."""
    try:
        return str(network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE))
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_INVALID_ARG:
            raise
        return str(network.XMLDesc(0))


def running(spec: NetworkSpec, live: NetworkSpec | None) -> NetworkSpec:
    """The network as it is, of what is defined and what runs.

    What runs counts for DHCP and DNS, the persistent definition for the metadata (libvirt changes only that one).
    """
    if live is None:
        return spec
    return replace(spec, dhcp_hosts=live.dhcp_hosts, dns_hosts=live.dns_hosts, dhcp_range=live.dhcp_range)
