"""How SSH gets to each VM of a lab: to which address, and through which other VM or host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.address import natural_sort_key
from labctl.core.lifecycle import State
from labctl.core.record import record
from labctl.host.access.ssh import Login, outer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.engine.overview import Overview
    from labctl.kinds.vm.overview import NicOverview, VmOverview


@record
class Reach:
    """The logins of the VMs that SSH can reach, and for each other VM the reason why not."""

    logins: dict[str, Login]
    reasons: dict[str, str]


def reach(seen: Overview) -> Reach:
    """Find for each VM its first address on a network that the host is on, or else another VM to go through.

    The host counts as being on bridges and on networks of others. It never reaches a guest over macvtap.
    """
    own = {net.name: net for net in seen.networks}
    networks = {net.name for net in own.values() if net.active and (net.host or net.mode == "bridge")}
    networks |= {nic.network for vm in seen.vms for nic in vm.nics if nic.reports} - own.keys()
    running = [
        vm for vm in sorted(seen.vms, key=lambda vm: natural_sort_key(vm.name)) if vm.state == State.RUNNING
    ]
    logins = {}
    for vm in running:
        if address := next((nic.ips[0] for nic in _linked(vm) if nic.network in networks), None):
            logins[vm.name] = Login(vm.name, vm.user, str(address), outer(vm.host))
    reasons = {vm.name: f"it is {vm.state}" for vm in seen.vms if vm.state != State.RUNNING}
    direct = [vm for vm in running if vm.name in logins]
    for vm in running:
        if vm.name not in logins:
            if login := _through(vm, direct):
                logins[vm.name] = login
            else:
                reasons[vm.name] = _why(vm)
    return Reach(logins, reasons)


def _through(vm: VmOverview, direct: Sequence[VmOverview]) -> Login | None:
    """A login through a VM that the host reaches and that has a network in common with this one."""
    for nic in _linked(vm):
        for other in direct:
            if any(each.network == nic.network for each in _linked(other)):
                return Login(vm.name, vm.user, str(nic.ips[0]), other.name)
    return None


def _linked(vm: VmOverview) -> list[NicOverview]:
    """The NICs that have an address and whose link is up."""
    return [nic for nic in vm.nics if nic.ips and nic.link == "up"]


def _why(vm: VmOverview) -> str:
    if not vm.nics:
        return "it has no NIC"
    if not any(nic.ips for nic in vm.nics):
        told = [nic.network for nic in vm.nics if nic.reports]
        return f"its guest reports no address on {', '.join(told)}" if told else "no address of it is known"
    if not _linked(vm):
        return f"the link of {', '.join(nic.network for nic in vm.nics if nic.ips)} is down"
    names = ", ".join(nic.network for nic in vm.nics)
    return f"the host has no address on its networks ({names}), and no other VM of the lab leads there"
