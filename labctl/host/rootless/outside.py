"""What labctl inside asks of its process outside: of the machine's ports, with sockets there, memory, files and locks.

The two share a socket. A request is JSON and comes with a socket of its own, on which the answer goes back.
"""

from __future__ import annotations

import json
import os
import select
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from labctl.core.errors import LabctlError

if TYPE_CHECKING:
    from collections.abc import Callable

    Request = dict[str, Any]
    Reply = tuple[dict[str, Any], list[int]]  # what is said, and descriptors that go with it
    Answer = Callable[[Request], Reply]

VARIABLE = "LABCTL_ROOTLESS"  # of the environment of all that is inside: the descriptor of the shared socket
_MOST = 65536  # bytes of a message
_ANSWER_S = 30.0  # for an answer to come
# Whatever else is asked for is done without where nobody answers
_SILENT = "nobody outside answers about the ports of this machine"


def inside() -> bool:
    """Whether this process is in a user's own libvirt."""
    return VARIABLE in os.environ


def keep_for_programs() -> None:
    """Let a program that takes this process's place, as another labctl, ask as well."""
    os.set_inheritable(int(os.environ[VARIABLE]), True)  # noqa: FBT003  # as os has it


def ask(request: Request) -> Reply:
    """Ask the process outside; gives its answer, and descriptors that came with it.

    Raises:
        LabctlError: it is not there, as for a program that another one started inside; or it can't answer.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        try:
            with _shared() as control:
                socket.send_fds(control, [json.dumps(request).encode()], [theirs.fileno()])
            theirs.close()
            ours.settimeout(_ANSWER_S)
            data, descriptors, _flags, _address = socket.recv_fds(ours, _MOST, 1)
        except TimeoutError as error:
            raise LabctlError(_SILENT) from error
        except (OSError, ValueError) as error:
            raise LabctlError(
                "nobody outside can be asked for the ports of this machine",
                hint="a program inside started this labctl: start it outside, from where it goes inside by itself",
            ) from error
    if not data:
        raise LabctlError(_SILENT)
    found = json.loads(data)
    if "error" in found:
        raise LabctlError(f"outside of your own libvirt: {found['error']}")
    return found, list(descriptors)


def _shared() -> socket.socket:
    """The socket that the variable names, which a program may have inherited without the descriptor.

    Raises:
        OSError: there is none.
        ValueError: it is something else.
    """
    found = socket.socket(fileno=os.dup(int(os.environ[VARIABLE])))
    if (found.family, found.type) != (socket.AF_UNIX, socket.SOCK_SEQPACKET):
        found.close()
        raise ValueError(f"{VARIABLE} names another socket")
    return found


def _told(request: Request) -> dict[str, Any]:
    """What the process outside answers; nothing where nobody can be asked."""
    try:
        return ask(request)[0]
    except LabctlError:
        return {}


def memory_left() -> int | None:
    """The bytes of memory that the machine lets the user's groups of processes take.

    None where nothing limits them, or nobody outside can be asked.
    """
    left: int | None = _told({"about": "memory"}).get("left")
    return left


def owner_of(path: str, found: os.stat_result) -> tuple[int, str] | None:
    """The uid and the name that the owner of what was found at an absolute path has outside.

    None where another file is at the path there, or nobody outside can be asked.
    """
    told = _told({"about": "owner", "path": path, "file": [found.st_dev, found.st_ino]})
    return (told["uid"], told["name"]) if told else None


def holder_of(file: str) -> str:
    """Who holds the lock of a file, as `machine.lock.holder_of` says outside; empty where nobody can be asked."""
    holder: str = _told({"about": "lock", "file": file}).get("holder", "")
    return holder


def serve(control: socket.socket, answer: Answer) -> None:
    """Answer requests until nobody is left inside to ask. Then the socket is closed, so that nobody waits on it."""
    with control:
        while True:
            try:
                data, descriptors, _flags, _address = socket.recv_fds(control, _MOST, 1)
            except OSError:
                return  # who was inside ended before it read all that was sent
            if not data and hung_up(control):
                return
            for each in descriptors:
                _answer_on(each, data, answer)


def hung_up(shared: socket.socket) -> bool:
    """Whether nobody has the other end any more: reading does not tell that from an empty message."""
    look = select.poll()
    look.register(shared, 0)  # POLLHUP is told unasked
    return bool(look.poll(0))


def _answer_on(descriptor: int, data: bytes, answer: Answer) -> None:
    """Answer a request on what came with it. One that can't be answered is no reason to leave the next one waiting."""
    try:
        reply = socket.socket(fileno=descriptor)
    except OSError:
        os.close(descriptor)  # it is no socket
        return
    with reply:
        reply.settimeout(0)  # one that has no room for it, new as it is, is not waited for
        _answer(reply, data, answer)


def _answer(reply: socket.socket, data: bytes, answer: Answer) -> None:
    """Answer a request, or say why not. Descriptors of the answer are closed once they are sent."""
    found: dict[str, Any]
    given: list[int] = []
    try:
        found, given = answer(json.loads(data))
    except LabctlError as error:
        found = {"error": str(error)}
    except Exception as error:  # noqa: BLE001  # the next one asks this same thread
        found = {"error": f"{type(error).__name__}: {error}"}
    with suppress(OSError):  # who asked may have ended
        socket.send_fds(reply, [json.dumps(found).encode()], given)
    for each in given:
        os.close(each)
