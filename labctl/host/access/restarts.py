"""Restarts of guests while they are worked in: those that labctl asks for, and those that nobody told it of."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import libvirt

from labctl.core import coroutines
from labctl.core.errors import LabctlError
from labctl.guest.protocol import HELLO
from labctl.host.access.port_transport import PortTransport
from labctl.host.access.streams import FEW_BYTES
from labctl.host.libvirt.connection import call_on, translated
from labctl.host.libvirt.registrations import registered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from labctl.host.access.port_session import PortSession
    from labctl.host.libvirt.connection import Connection

T = TypeVar("T")
DOWN_S, BACK_S = 300.0, 1200.0  # an emulated guest beside others needs minutes
ASK_S = 3.0  # between two questions whether it is back
_NOT_FOUND = 127  # sh's exit code without a program
_RESTART = "if [ -d /run/systemd/system ]; then systemctl reboot; else reboot; fi"  # as sd_booted(3) tells


@asynccontextmanager
async def watched(connection: Connection, libvirt_name: str) -> AsyncIterator[asyncio.Event]:
    """An event that is set once the guest restarts while the block runs.

    Raises:
        LabctlError: the domain is gone, or libvirt does not answer.
    """
    happened, loop = asyncio.Event(), asyncio.get_running_loop()

    def tell(*_event: Any) -> None:  # on libvirt's thread
        call_on(loop, happened.set)

    def begin() -> None:
        with translated():
            domain = connection.virt.lookupByName(libvirt_name)
        of_domain = {libvirt.VIR_DOMAIN_EVENT_ID_REBOOT: tell}
        registrations.enter_context(registered(connection, of_domain, domain=domain))

    with ExitStack() as registrations:
        await connection.call(begin)
        yield happened


async def unless(restarted: asyncio.Event, work: Coroutine[Any, Any, T], hint: str) -> T:
    """The result of work in a guest, which nobody would answer any more once that has restarted.

    Raises:
        LabctlError: the guest restarted before it was done; with this hint.
    """
    async with coroutines.side_by_side(work, restarted.wait()) as (doing, _waiting):
        if doing.done():
            return doing.result()
        raise LabctlError("its guest restarted while this ran", hint=hint)


async def restart(port: PortSession, restarted: asyncio.Event) -> None:
    """Restart a guest that is `watched`, and wait until it has booted again. The port stays open meanwhile.

    Raises:
        LabctlError: it does not restart, or is not back in time.
    """
    await port.renewed()
    before = port.state.boot_id if port.state else ""
    restarted.clear()
    await _go_down(PortTransport(port), restarted)
    try:
        async with asyncio.timeout(BACK_S):
            while not _is_back(port, before):
                if port.over:
                    raise port.ended
                await asyncio.sleep(ASK_S)
                port.send(HELLO)  # a guest says nothing before it is asked
    except TimeoutError as error:
        raise LabctlError(
            f"its guest did not come back within {BACK_S / 60:.0f} minutes",
            hint="`labctl logs` shows how far it is; `labctl reload` restarts it from outside",
        ) from error


async def _go_down(way: PortTransport, restarted: asyncio.Event) -> None:
    """Tell a guest to restart, and wait until it does. The command's end says little: it is ended with the guest."""
    command = way.run(_RESTART, timeout=None, limit=FEW_BYTES)
    try:
        async with (
            asyncio.timeout(DOWN_S),
            coroutines.side_by_side(command, restarted.wait()) as (asked, waiting),
        ):
            if asked.done() and not asked.exception() and asked.result().exit_code == _NOT_FOUND:
                raise LabctlError(
                    "its guest can't restart: it has no program `reboot`",
                    hint="a step before it can install one; `labctl reload` restarts the guest from outside",
                )
            await waiting
    except TimeoutError as error:
        raise LabctlError(
            f"its guest did not restart within {DOWN_S / 60:.0f} minutes",
            hint="`labctl logs` shows what keeps it; `labctl reload` restarts it from outside",
        ) from error


def _is_back(port: PortSession, before: str) -> bool:
    state = port.state
    return state is not None and state.boot_id not in ("", before) and state.finished
