"""Going on inside the user's own libvirt: a child of this process does, which is root on `qemu:///system` there.

This process stays outside until the child ends. It passes signals on, answers what only a process outside can know
(`outside`), and ends with the child's exit code.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from labctl.core.errors import LabctlError
from labctl.host.rootless import namespaces, outside
from labctl.host.rootless.answers import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from labctl.host.machine.processes import Identity

T = TypeVar("T")

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_HEARD = (*_PASSED_ON, signal.SIGCHLD)


class Hangs(LabctlError):
    """What was called inside takes longer than it may."""


def go_inside(init: Identity, leave: Callable[[int], object]) -> None:
    """Return inside, in a child process; `leave` is called outside once that has ended, and does not return.

    `leave` is given the exit code, or the negative number of the signal that ended the child. The caller has one thread
    only.

    Raises:
        LabctlError: the kernel lets nobody in.
    """
    _keep_home()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    namespaces.adopt_grandchildren()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    receiver, sender = os.pipe()
    between = os.fork()
    if between == 0:
        ours.close()
        _enter(init, sender)
        _begin(theirs, before)
        return
    theirs.close()
    os.close(sender)
    with os.fdopen(receiver) as told:
        answered = told.read()
    os.waitpid(between, 0)
    if not answered.isdecimal():
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        why, _, hint = answered.partition("\n")
        raise LabctlError(f"can't enter your rootless libvirt: {why}", hint=hint)
    ours.send(b"go on")
    threading.Thread(target=outside.serve, args=(ours, answers(init.pid)), daemon=True).start()
    leave(_followed(int(answered)))


def _keep_home() -> None:
    """Say where the user's home is, or inside it would be root's."""
    home = os.path.expanduser("~")  # noqa: PTH111  # pathlib's raises an error where nobody knows it
    if home != "~":
        os.environ.setdefault("HOME", home)


def called_inside(init: Identity, function: Callable[[], T], within_s: int) -> T:
    """What a function gives that is called inside, in a child process. It can be written as JSON.

    Raises:
        Hangs: it took longer than `within_s` seconds, and was ended.
        LabctlError: the function raised it, or nobody gets in.
    """
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        _call(init, function, within_s, sender)
    os.close(sender)
    with os.fdopen(receiver, encoding="utf-8") as told:
        answer = told.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == signal.SIGALRM:
        raise Hangs(f"your rootless libvirt does not answer within {within_s} seconds")
    if not answer:
        raise LabctlError("your rootless libvirt ended meanwhile")
    given = json.loads(answer)
    if "error" in given:
        raise LabctlError(given["error"], hint=given["hint"])
    found: T = given["value"]
    return found


def _call(init: Identity, function: Callable[[], object], within_s: int, told: int) -> NoReturn:
    """Call a function inside, and tell what it gives.

    This process then exits as the one inside: with its exit code, or the number of the signal that ended it.
    """
    code = 1
    try:
        try:
            go_inside(init, lambda ended: os._exit(abs(ended)))
            signal.alarm(within_s)  # ends this process also in a call of libvirt's that never returns
            answer = {"value": function()}
        except LabctlError as error:
            answer = {"error": str(error), "hint": error.hint}
        os.write(told, json.dumps(answer).encode())
        code = 0
    finally:
        os._exit(code)


def _enter(init: Identity, told: int) -> None:
    """Enter the namespaces; return in a child, which alone is in that of processes."""
    try:
        folder = os.getcwd()  # noqa: PTH109  # the namespace of mounts has a root of its own, and no folder
    except FileNotFoundError:
        folder = ""
    try:
        namespaces.enter(init)
        _be_in(folder)
        child = os.fork()
    except OSError as error:
        os.write(told, f"{error}\n{_mending(error, init)}".encode())
        os._exit(1)
    if child:
        os.write(told, str(child).encode())
        os._exit(0)
    os.close(told)


def _mending(error: OSError, init: Identity) -> str:
    if isinstance(error, ProcessLookupError):  # its PID may be another one's by now
        return "the same command starts it again"
    return (
        "cd to a folder that is there inside too"
        if error.filename
        else f"`kill {init.pid}` ends it and its VMs"
    )


def _be_in(folder: str) -> None:
    """Be in a folder as outside; in one that is gone if that is so outside.

    Raises:
        OSError: it is not there, as most of /run.
    """
    if folder:
        os.chdir(folder)
        return
    made = tempfile.mkdtemp(dir="/run")
    os.chdir(made)
    Path(made).rmdir()


def _begin(control: socket.socket, before: Iterable[int]) -> None:
    """Wait until the process outside is the parent, and be as it was."""
    if not control.recv(16):
        os._exit(1)  # it was killed
    namespaces.end_with_parent(signal.SIGTERM)
    if outside.hung_up(control):
        os._exit(1)  # it was killed before the kernel knew of this
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    os.environ[outside.VARIABLE] = str(control.detach())


def _followed(child: int) -> int:
    """Pass signals on until the child ends; its exit code, -N where signal N ended it."""
    while True:
        heard = signal.sigwaitinfo(_HEARD)
        if heard.si_signo != signal.SIGCHLD:
            if heard.si_code <= 0:  # from a process; what a terminal sends, the child gets too
                os.kill(child, heard.si_signo)
            continue
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
