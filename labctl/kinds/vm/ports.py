"""Whether running NICs are plugged into their networks.

A network that someone stops lets go of its guests, and takes none back when it is started again: libvirt then has no
port any more for what still stands in the domain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core.record import replace
from labctl.core.spec import YES
from labctl.host.libvirt.connection import missing

if TYPE_CHECKING:
    from labctl.kinds.vm.spec import VmSpec
    from labctl.kinds.vm.uses import NicUse


class Ports:
    """The ports of a connection's networks, each network's read when first asked for."""

    def __init__(self, virt: Any) -> None:
        self._virt = virt
        self._known: dict[str, frozenset[str] | None] = {}

    def checked(self, spec: VmSpec) -> VmSpec:
        """The VM with its NICs marked that have lost their port."""
        return replace(
            spec, nics=tuple(replace(nic, unplugged="" if self._has(nic) else YES) for nic in spec.nics)
        )

    def _has(self, nic: NicUse) -> bool:
        if not nic.port:
            return True
        if nic.network not in self._known:
            self._known[nic.network] = _ports(self._virt, nic.network)
        ports = self._known[nic.network]
        return ports is None or nic.port in ports


def _ports(virt: Any, network: str) -> frozenset[str] | None:
    """The UUIDs of a network's ports: none where it is down or gone, None where the driver can't tell."""
    try:
        return frozenset(port.UUIDString() for port in virt.networkLookupByName(network).listAllPorts())
    except libvirt.libvirtError as error:
        if missing(error) or error.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
            return frozenset()
        if error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
            return None
        raise
