"""libvirt's states of a domain, in our words."""

from __future__ import annotations

import libvirt

_STATES = {
    libvirt.VIR_DOMAIN_RUNNING: "running",
    libvirt.VIR_DOMAIN_BLOCKED: "running",
    libvirt.VIR_DOMAIN_SHUTDOWN: "running",
    libvirt.VIR_DOMAIN_PAUSED: "paused",
    libvirt.VIR_DOMAIN_PMSUSPENDED: "paused",
    libvirt.VIR_DOMAIN_CRASHED: "crashed",
}


def state_name(state: int) -> str:
    """A virDomainState as running, paused, crashed or off."""
    return _STATES.get(state, "off")
