"""Composes the forwards of a VM, which lead to its first address that the host reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.endpoint import Endpoint
from labctl.kinds.forward.spec import ForwardSpec
from labctl.labfile.forwards import guest_versions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.core.ip import IpAddress
    from labctl.engine.allocation import Allocation
    from labctl.labfile.model import LabModel, Vm


def forwards_of(lab: LabModel, vm: Vm, allocation: Allocation) -> Iterator[ForwardSpec]:
    """The forwards to a VM; the loader has refused those to a VM that the host does not reach."""
    ip = _guest(lab, vm, allocation) if vm.forwards else None
    for each in vm.forwards if ip else ():
        assert ip is not None  # the loop's condition
        yield ForwardSpec(lab.name, vm.name, each.listens, each.protocol, str(Endpoint(ip, each.guest)))


def _guest(lab: LabModel, vm: Vm, allocation: Allocation) -> IpAddress | None:
    networks = {each.name: each for each in lab.networks}
    for nic in vm.nics:
        given = allocation.nics[vm.name, nic.name]
        versions = guest_versions(nic, networks[nic.network])
        if found := (given.ip if 4 in versions else None) or (given.ip6 if 6 in versions else None):
            return found
    return None
