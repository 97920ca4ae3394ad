"""What `exec` does: run a command in several VMs at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from labctl.app import transport
from labctl.app.one_vm import errors_of_several
from labctl.core.coroutines import Stoppable
from labctl.core.errors import LabctlError, UsageError
from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from labctl.app.session import Session
    from labctl.app.transport import Way
    from labctl.engine.overview import Overview
    from labctl.host.access.streams import LiveStdin, Sink

AT_ONCE = 50  # commands; each has a process of OpenSSH
NOT_RUN = 255  # the exit code of what could not be run, as with ssh


@record
class Ran:
    """How a command ended in a VM. `error` says why it could not be run; its exit code is 255 then."""

    vm: str
    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""
    error: LabctlError | None = None

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.vm,
            "exit_code": self.exit_code,
            "stdout": self.stdout.decode(errors="replace"),
            "stderr": self.stderr.decode(errors="replace"),
            "error": str(self.error) if self.error else None,
        }


@record
class Command:
    """What is run: words that are joined by spaces and read by a shell there, as with ssh.

    `user` is empty for the user who logs in. `stdin` is for one VM only. `outputs` gives for a VM where its stdout and
    its stderr go; None keeps them.
    """

    words: Sequence[str]
    user: str = ""
    stdin: LiveStdin | None = None
    outputs: Callable[[str], tuple[Sink | None, Sink | None]] = lambda _vm: (None, None)


@record
class Places:
    """Where a command is run: the ways there, or how it ended where there is none. `left_out` says why others are."""

    ways: dict[str, Way | Ran]
    left_out: tuple[str, ...] = ()


def places(session: Session, seen: Overview, vms: Mapping[str, bool]) -> Places:
    """Where a command can be run. Of the VMs that were not named themselves, those that are not for it are left out.

    These are the VMs that the Labfile keeps off, and those without cloud-init.

    Raises:
        LabctlError: VMs that were named can't be entered. All of them are told.
        UsageError: all VMs are left out.
    """
    found = transport.find_each(session, vms, seen)
    if wrong := [way for name, way in found.items() if vms[name] and isinstance(way, LabctlError)]:
        raise errors_of_several(wrong)
    kept_off = {vm.name for vm in session.lab.vms if vm.state == "off"}
    without_login = {vm.name for vm in seen.vms if not vm.seeded}
    ways, left_out = dict[str, "Way | Ran"](), list[str]()
    for name, way in found.items():
        if not isinstance(way, LabctlError):
            ways[name] = way
        elif name in without_login:
            left_out.append(f"{name} is left out: {transport.NO_LOGIN}")
        elif name in kept_off:
            left_out.append(f"{name} is left out: {way.summary}")
        else:
            ways[name] = Ran(name, NOT_RUN, error=way)
    if not ways:
        raise UsageError("no VM is left to run it in", hint="; ".join(left_out))
    return Places(ways, tuple(left_out))


def running(
    session: Session, ways: Sequence[Way | Ran], command: Command, waiting: Callable[[str], object]
) -> Stoppable[list[Ran]]:
    """A command in all of these VMs at once, where it has not ended yet. When it is stopped, it ends in the VMs, too.

    `waiting` is called with who has labctl's port of a VM meanwhile.
    """

    async def in_all() -> list[Ran]:
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(way: Way | Ran) -> Ran:
            if isinstance(way, Ran):
                return way
            async with turn:
                return await _one(session, way, command, waiting)

        return list(await asyncio.gather(*map(one, ways)))

    return Stoppable(in_all())


async def _one(session: Session, way: Way, command: Command, waiting: Callable[[str], object]) -> Ran:
    vm = way.vm
    stdout, stderr = command.outputs(vm.name)
    try:
        async with transport.opened(session, way, waiting) as guest:
            done = await guest.run(
                " ".join(command.words),
                user=command.user or vm.user,
                timeout=None,
                stdin=command.stdin,
                stdout=stdout,
                stderr=stderr,
            )
    except LabctlError as error:
        return Ran(vm.name, NOT_RUN, error=error)
    return Ran(vm.name, done.exit_code, done.stdout, done.stderr)
