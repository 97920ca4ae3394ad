"""Checks whether a host can have networks of the modes that the Labfile says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.errors import Problem
from labctl.core.spec import of_kind
from labctl.host.libvirt.uri import is_session
from labctl.kinds.network.spec import NetworkSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.app.session import Session
    from labctl.core.plan import Plan

# What a network of a user's own libvirt would have to reach of the machine, which only root could let it
_REACHES = {
    "bridge": "a bridge of the machine",
    "macvtap": "an interface of the machine",
    "routed": "routes of the machine",
}
_INSTEAD = "mode: nat, with `forwards` of the VMs that others reach"


def check(session: Session, plan: Plan) -> Iterator[Problem]:
    """The problems of the networks that a plan makes or keeps."""
    for network in of_kind((step.after for step in plan.steps), NetworkSpec):
        host, place = session.hosts.of(network.address), ("networks", network.name)
        if is_session(host.uri):
            summary = "an ordinary user's libvirt, qemu:///session, has no networks"
            yield Problem(summary, ".".join(place), session.lab.where(*place), "labctl -c rootless has them")
        elif host.inside and network.mode in _REACHES:
            summary = f"your own libvirt, rootless, can't reach {_REACHES[network.mode]}"
            yield Problem(summary, ".".join((*place, "mode")), session.lab.where(*place, "mode"), _INSTEAD)
