"""Whether the NICs of running VMs are still connected to their networks.

A network that is stopped loses its ports, and does not get them back when it is started again. The NIC in the domain's
XML then names a port that libvirt no longer has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core.record import replace
from labctl.core.spec import YES
from labctl.host.libvirt.connection import missing

if TYPE_CHECKING:
    from labctl.kinds.vm.disks_and_nics import NicUse
    from labctl.kinds.vm.spec import VmSpec


class NetworkPorts:
    """The ports of a connection's networks; those of a network are read when they are first needed."""

    def __init__(self, virt: Any) -> None:
        self._virt = virt
        self._known: dict[str, frozenset[str] | None] = {}

    def with_unplugged_nics(self, spec: VmSpec) -> VmSpec:
        """The VM's spec with `unplugged` set for each NIC whose port is gone."""
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
    """The UUIDs of a network's ports; empty if the network is down or gone, None if the driver has no ports."""
    try:
        return frozenset(port.UUIDString() for port in virt.networkLookupByName(network).listAllPorts())
    except libvirt.libvirtError as error:
        if missing(error) or error.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
            return frozenset()
        if error.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT:
            return None
        raise
