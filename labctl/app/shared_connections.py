"""The shared connections of OpenSSH to the VMs of a lab: where their sockets are, and when they end."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core.errors import LabctlError
from labctl.host.access import shared_ssh
from labctl.host.libvirt.connection import translated
from labctl.kinds import addresses

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.app.session import Session
    from labctl.kinds.vm.overview import VmOverview


def control(session: Session, vm: VmOverview) -> Path | None:
    """The path of the control socket for a VM that runs; see `shared_ssh.socket`."""
    return shared_ssh.socket(session.hosts.of(addresses.vm(vm.name)).uri, session.lab.name, vm.id)


def end_unused(session: Session) -> None:
    """End the connections to VMs of the lab that don't run any more. One that is paused answers nobody."""
    for host in session.hosts:
        # who can't use the runtime folder has no connections, and without libvirt they end by themselves
        with suppress(LabctlError), translated():
            shared_ssh.end_others(host.uri, session.lab.name, partial(_running, host.virt))


def _running(virt: Any) -> list[int]:  # virConnect
    """The ids of the domains that run."""
    return [each.ID() for each in virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING)]
