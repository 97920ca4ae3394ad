"""Composes the forwards of a VM, which lead to its first address that the host reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.endpoint import Endpoint
from labctl.engine.allocation import reached
from labctl.kinds.forward.spec import ForwardSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.engine.allocation import Allocation
    from labctl.labfile.model import LabModel, Vm


def forwards_of(lab: LabModel, vm: Vm, allocation: Allocation) -> Iterator[ForwardSpec]:
    """The forwards to a VM; the loader has refused those to a VM that the host does not reach."""
    ip = next((ip for _nic, ip in reached(vm, allocation)), None)
    for each in vm.forwards if ip else ():
        assert ip is not None  # the loop's condition
        yield ForwardSpec(lab.name, vm.name, each.listens, each.protocol, str(Endpoint(ip, each.guest)))
