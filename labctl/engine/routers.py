"""Options of dnsmasq that announce a network's gateway to guests, where that is not the one that libvirt announces.

libvirt itself has no setting for it. Its dnsmasq announces the host, by DHCP and in router advertisements, and in mode
isolated no router. This module is pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labctl.engine.allocation import NetworkAddresses

_ROUTER = "dhcp-option=option:router"
_HOST_ADVERTISES_NONE = "ra-param=*,0,0"  # a lifetime of 0: no default router


def dnsmasq_options(network_addresses: NetworkAddresses, mode: str, macs: Iterable[str]) -> tuple[str, ...]:
    """Give the options, in the syntax of dnsmasq's configuration. `macs` are those
    of the VM that is the gateway, if any.
    """
    return (*_dhcp(network_addresses, mode, macs), *_advertised(network_addresses, mode))


def _dhcp(network_addresses: NetworkAddresses, mode: str, macs: Iterable[str]) -> Iterator[str]:
    wanted = next((each for each in network_addresses.gateways if each.version == 4), None)
    announced = None if mode == "isolated" else network_addresses.host4
    if not (network_addresses.dhcp and network_addresses.host4) or wanted == announced:
        return
    if wanted is None:
        yield _ROUTER
        return
    yield f"{_ROUTER},{wanted}"
    for mac in macs:  # the gateway itself gets no router
        yield f"dhcp-mac=set:gateway,{mac}"
        yield _ROUTER.replace("=", "=tag:gateway,")


def _advertised(network_addresses: NetworkAddresses, mode: str) -> Iterator[str]:
    """Stop the host's advertisement of itself. A VM that is the gateway has to send advertisements of its own."""
    if (
        network_addresses.host6
        and mode != "isolated"
        and network_addresses.host6 not in network_addresses.gateways
    ):
        yield _HOST_ADVERTISES_NONE
