"""libvirt's states of a domain as labctl's."""

from __future__ import annotations

from typing import Any

import libvirt

from labctl.core.lifecycle import State

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
    return listed_state(domain.state()[0])


def listed_state(state: int) -> State:
    """The state of a domain of which a listing gave the virDomainState."""
    return _STATES.get(state, State.OFF)
