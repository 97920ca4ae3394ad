"""libvirt's states of a domain as labctl's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core.lifecycle import State

if TYPE_CHECKING:
    from collections.abc import Container

_STATES = {
    libvirt.VIR_DOMAIN_RUNNING: State.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: State.RUNNING,
    libvirt.VIR_DOMAIN_SHUTDOWN: State.RUNNING,
    libvirt.VIR_DOMAIN_PAUSED: State.PAUSED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: State.PAUSED,
    libvirt.VIR_DOMAIN_CRASHED: State.CRASHED,
}


def state_of(domain: Any) -> State:  # a virDomain
    """The state of one domain."""
    state = _STATES.get(domain.state()[0], State.OFF)
    return State.SAVED if state is State.OFF and domain.hasManagedSaveImage() else state


def listed_state(domain: Any, state: int, saved: Container[str]) -> State:
    """The state of a domain whose virDomainState is known from a listing; `saved` is the result of `saved_domains`."""
    known = _STATES.get(state, State.OFF)
    return State.SAVED if known is State.OFF and domain.UUIDString() in saved else known


def saved_domains(virt: Any) -> frozenset[str]:  # a virConnect
    """The UUIDs of the domains whose memory libvirt has saved."""
    listed = virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE)
    return frozenset(each.UUIDString() for each in listed)
