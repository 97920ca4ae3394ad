"""Asks guests that run already whether they have rsync, before a new folder is copied to them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from labctl.core.errors import FOREIGN, LabctlError, Problem
from labctl.core.lifecycle import State
from labctl.core.plan import Action, steps_of
from labctl.core.spec import find
from labctl.kinds import addresses
from labctl.kinds.folder import guest_text
from labctl.kinds.folder.spec import RSYNC, FolderSpec
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.app.session import Session
    from labctl.core.plan import Plan
    from labctl.engine.observe import Observed
    from labctl.host.access.port_session import PortSession

ANSWER_S = 10.0  # an emulated guest under load is slow; of one that is silent the folder's own step tells
_FEW = 1 << 12  # bytes of what a guest may answer


def lacking(session: Session, plan: Plan, observed: Observed) -> list[Problem]:
    """The new folders whose guests have no rsync. A guest that starts is not asked: it may get it by cloud-init."""
    starting = {step.spec.name for step in steps_of(plan.steps, VmSpec) if step.action is not Action.UPDATE}
    made = [step.wanted for step in steps_of(plan.steps, FolderSpec) if step.action.makes]
    folders = [each for each in made if each.type == RSYNC and each.vm not in starting]
    vms = (find(observed.specs, addresses.vm(name), VmSpec) for name in {each.vm for each in folders})
    running = [vm for vm in vms if vm and vm.state == State.RUNNING]
    without = _without_rsync(session, running) if running else ()
    return [_problem(session, each) for each in folders if each.vm in without]


def _problem(session: Session, folder: FolderSpec) -> Problem:
    return Problem(
        f"{folder.target}: there is no rsync in {folder.vm}",
        f"vms.{folder.base}.folders",
        session.lab.where("vms", folder.vm, "folders"),
        guest_text.GET_RSYNC,
        FOREIGN,
    )


def _without_rsync(session: Session, vms: Iterable[VmSpec]) -> set[str]:
    from labctl.core import coroutines  # few runs ask, and all of asyncio comes with it

    async def asked() -> list[str]:
        return await asyncio.gather(*(_asked(session, vm) for vm in vms))

    return set(coroutines.run(asked())) - {""}


async def _asked(session: Session, vm: VmSpec) -> str:
    """The name of a VM whose guest says that it has no rsync; empty if it has, or does not say."""
    from labctl.host.access import port_session
    from labctl.host.access.port_transport import PortTransport

    connection = session.hosts.of(vm.address).connection
    with suppress(LabctlError, TimeoutError):
        async with asyncio.timeout(ANSWER_S), port_session.opened(connection, vm.libvirt_name) as port:
            await port.renewed()
            if not _booted(port):
                return ""  # cloud-init may still install it
            done = await PortTransport(port).run(guest_text.HAS_RSYNC, timeout=ANSWER_S, limit=_FEW)
            return vm.name if done.exit_code else ""
    return ""


def _booted(port: PortSession) -> bool:
    return port.state is not None and port.state.finished
