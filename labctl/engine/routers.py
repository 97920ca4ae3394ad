"""Which router a network's clients are told: what the field `gateway` says, where libvirt would say another. Pure.

libvirt has no such field: its dnsmasq names the host, by DHCP and in router advertisements, or nobody in mode isolated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labctl.engine.allocation import NetworkAddresses

_ROUTER = "dhcp-option=option:router"
_HOST_ADVERTISES_NONE = "ra-param=*,0,0"  # a lifetime of 0: no default router


def options(place: NetworkAddresses, mode: str, macs: Iterable[str]) -> tuple[str, ...]:
    """The options of dnsmasq (its manual page) that say it; `macs` are those of a VM that is the gateway."""
    return (*_dhcp(place, mode, macs), *_advertised(place, mode))


def _dhcp(place: NetworkAddresses, mode: str, macs: Iterable[str]) -> Iterator[str]:
    wanted = next((each for each in place.gateways if each.version == 4), None)
    libvirts = None if mode == "isolated" else place.host4
    if not (place.dhcp and place.host4) or wanted == libvirts:
        return
    if wanted is None:
        yield _ROUTER
        return
    yield f"{_ROUTER},{wanted}"
    for mac in macs:  # the gateway itself is sent nowhere
        yield f"dhcp-mac=set:gateway,{mac}"
        yield _ROUTER.replace("=", "=tag:gateway,")


def _advertised(place: NetworkAddresses, mode: str) -> Iterator[str]:
    """A VM that is the gateway has to advertise itself; nobody can do that for it."""
    if place.host6 and mode != "isolated" and place.host6 not in place.gateways:
        yield _HOST_ADVERTISES_NONE
