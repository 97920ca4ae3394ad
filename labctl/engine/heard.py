"""Asks running guests for their current addresses, which replace those in the metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.record import replace
from labctl.core.spec import of_kind
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from labctl.core.address import Address
    from labctl.core.spec import Spec
    from labctl.engine.observe import Observed
    from labctl.host.hosts import Hosts


def heard(hosts: Hosts, observed: Observed) -> Observed:
    """Ask running guests for the addresses that only they know; silent ones have those that are noted."""
    asked = [vm for vm in of_kind(observed.specs.values(), VmSpec) if vm.reports]
    if not asked:
        return observed
    from labctl.host.access import report  # few labs have such NICs

    specs: dict[Address, Spec] = dict(observed.specs)
    for host, vms in hosts.split(asked):
        states = report.states(host.connection, [vm.libvirt_name for vm in vms])
        for vm in (vm for vm in vms if vm.libvirt_name in states):
            now = vm.with_seen(states[vm.libvirt_name].addresses_of)
            same = [nic.seen for nic in now.nics] == [nic.seen for nic in vm.nics]
            specs[vm.address] = replace(now, heard=same)
    return replace(observed, specs=specs)
