"""Whether this user may use the system's libvirt, found out without a question to anybody.

To open a connection could ask the user for a password, where polkit decides. So libvirt is asked only how it would tell
that a user may come in, and polkit, whether it would without a question.
"""

from __future__ import annotations

import grp
import os
import socket
import struct
from typing import TYPE_CHECKING

from labctl.host.files import owners
from labctl.host.machine import command

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUP = "libvirt"
PLACES = (  # where libvirt's clients look, in their order: the modular daemon for QEMU, and the one for all
    "/run/libvirt/virtqemud-sock",
    "/run/libvirt/libvirt-sock",
)
ANSWER_S = 30.0  # systemd may have to start the daemon first
# https://libvirt.org/kbase/internals/rpc.html; the numbers are those of remote_protocol.x
_HEADER = struct.Struct("!IIIiIIi")  # length, program, version, procedure, type, serial, status
_PROGRAM, _VERSION, _AUTH_LIST = 0x20008086, 1, 66
_CALL, _REPLY, _FINE = 0, 1, 0
_POLKIT = 2  # of remote_auth_type
_MOST = 1024  # bytes of an answer
_PKCHECK = ("pkcheck", "--action-id", "org.libvirt.unix.manage", "--process")


def refusal(places: Sequence[str] = PLACES) -> str:
    """Why this user can't use the system's libvirt, as the end of a sentence; empty if it is theirs to use.

    Members of the group libvirt are never refused here: they have their labs there, and are told what is wrong with it.
    """
    if _member():
        return ""
    for place in places:
        try:
            return _later("asks you for a password") if _polkit(place) and not _agreed() else ""
        except PermissionError:
            return _later("is closed to you")
        except (FileNotFoundError, ConnectionRefusedError):
            continue
        except OSError:  # it answers something else, or too late: libvirt itself says more
            return ""
    return "does not run"


def _member() -> bool:
    """Whether this process is in libvirt's group."""
    try:
        return grp.getgrnam(GROUP).gr_gid in (os.getegid(), *os.getgroups())
    except KeyError:
        return False


def _later(why: str) -> str:
    """A refusal, with what to do where this user was added to the group after the last login."""
    try:
        added = owners.user() in grp.getgrnam(GROUP).gr_mem
    except KeyError:
        added = False
    return f"{why} until you log in again as a new member of the group {GROUP}" if added else why


def _polkit(place: str) -> bool:
    """Whether the daemon lets polkit decide who may come in.

    Raises:
        OSError: there is no daemon, it lets nobody ask, or does not answer as libvirt does.
    """
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(ANSWER_S)
        client.connect(place)
        client.sendall(_HEADER.pack(_HEADER.size, _PROGRAM, _VERSION, _AUTH_LIST, _CALL, 1, _FINE))
        length, *_, kind, _serial, status = _HEADER.unpack(_received(client, _HEADER.size))
        size = length - _HEADER.size
        if (kind, status) != (_REPLY, _FINE) or size not in range(4, _MOST, 4):
            raise OSError("not as libvirt answers")
        count, *methods = struct.unpack(f"!{size // 4}I", _received(client, size))
    return _POLKIT in methods[:count]


def _received(client: socket.socket, size: int) -> bytes:
    data = client.recv(size, socket.MSG_WAITALL)
    if len(data) < size:
        raise OSError("it ended the connection")
    return data


def _agreed() -> bool:
    """Whether polkit lets this user in without a password. Who has no pkcheck is left to libvirt."""
    return command.path(_PKCHECK[0]) is None or command.output(*_PKCHECK, str(os.getpid())) is not None
