"""What `ssh` and `ssh-config` do: log in to a VM, run a command there, write a configuration for other programs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from labctl.app import shared_connections, transport
from labctl.app.one_vm import by_base, look
from labctl.app.reach import reach
from labctl.app.vm_names import choose
from labctl.core.errors import LabctlError
from labctl.host.access import shared_ssh
from labctl.host.access import ssh as openssh
from labctl.host.access.users import AT_HOME, by_sudo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import BinaryIO

    from labctl.app.session import Session
    from labctl.app.transport import Way
    from labctl.host.access.streams import LiveStdin
    from labctl.host.access.transport import Completed


def command(
    session: Session, way: Way, words: Sequence[str], user: str = "", *, terminal: bool = False
) -> list[str]:
    """The argv of OpenSSH that logs in to a VM, or runs `words` there, over the VM's shared connection.

    Args:
        session: where the lab is.
        way: the way into the VM.
        words: joined by spaces, as OpenSSH does, and read by a shell in the VM; a login if there are none.
        user: who is to be there, by sudo if it is not the user who logs in; empty for that one.
        terminal: whether somebody is at a terminal.

    Raises:
        LabctlError: SSH does not lead there.
    """
    if way.no_ssh:
        raise way.no_ssh
    argv = ["ssh", "-F", str(way.config), *shared_ssh.options(shared_connections.control(session, way.vm))]
    if user in ("", way.vm.user):
        return [*argv, "--", way.vm.name, *words]
    text = AT_HOME + (" ".join(words) or 'exec "${SHELL:-/bin/sh}" -l')
    switched = shlex.join([*by_sudo(user), "sh", "-c", text])
    return [*argv, *(["-t"] if terminal and not words else []), "--", way.vm.name, switched]


def run(  # noqa: PLR0913  # what a command has
    session: Session,
    way: Way,
    words: Sequence[str],
    streams: tuple[LiveStdin, BinaryIO, BinaryIO],
    waiting: Callable[[str], object],
    *,
    user: str = "",
) -> int:
    """Run a command in a VM that SSH does not lead to, and give its exit code.

    The words are joined by spaces, as OpenSSH does, and read by a shell in the VM. `streams` are the command's stdin,
    stdout and stderr. While another program has labctl's port, `waiting` is called with who that is.

    Raises:
        LabHeld: another program still has the port after a minute.
        LabctlError: the VM stopped.
    """
    from labctl.core import coroutines  # as all of asyncio, which a login does without

    stdin, stdout, stderr = streams

    async def completed() -> Completed:
        async with transport.opened(session, way, waiting) as guest:
            return await guest.run(
                " ".join(words),
                user=user or way.vm.user,
                timeout=None,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
            )

    return coroutines.run(completed()).exit_code


def config(session: Session, vms: Iterable[str] = ()) -> tuple[str, dict[str, str]]:
    """The text of the lab's ssh_config, and for each VM that is not in it the reason.

    Raises:
        UsageError: there is no such VM.
        LabctlError: the lab's keys are not here.
    """
    seen = look(session)
    found = reach(seen)
    chosen = set(choose(vms, by_base(session, seen)))
    if not seen.vms:
        raise LabctlError("no VM of the lab exists yet", hint="`labctl up` makes them")
    if not session.keys.has_login():
        raise transport.no_login_key(session)
    openssh.write(session.folder, session.lab.name, found.logins.values(), session.keys)
    through = {found.logins[name].jump for name in chosen & found.logins.keys()}
    logins = [login for name, login in found.logins.items() if name in chosen | through]
    reasons = {name: why for name, why in found.reasons.items() if name in chosen}
    return openssh.config(session.folder.path, session.lab.name, logins, session.keys), reasons
