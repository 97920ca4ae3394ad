"""Starts, finds and ends the user's own libvirt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.host.machine import command, logout
from labctl.host.machine.doctor import rootless
from labctl.host.machine.doctor.check import FAIL, distribution
from labctl.host.rootless import holder, init, state, way_out
from labctl.host.rootless.state import Holder, State, taken

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.host.machine.doctor.check import Check
    from labctl.host.machine.processes import Identity

STARTING = (
    "starting a libvirt of your own, rootless, which takes some seconds, the first time of all some more"
)
AT_LOGOUT = {
    logout.LINGER: f"it ends when you log out, labs with it: `{logout.LINGER}` before keeps it",
    logout.SCOPE: f"it ends when you log out, labs with it, though you linger: `{logout.SCOPE}` says why",
}
WAITING = "waiting for your rootless libvirt, which starts or ends just now, or runs on another machine"
NO_PASTA = "pasta is not there, so labs have no way out of this machine: `labctl doctor` names the package"
NO_WAY_OUT = "pasta found no way out of this machine, so labs have none until it does; its words are in {}"
_PACKAGES = Path(__file__).parents[3]  # where labctl itself is
_END_S = 30.0
_SILENT_S = 2.0  # of waiting that nobody asks about
_POLL_S = 0.02


def own() -> State:
    """The folder of this user's world, which is made unless it exists.

    Raises:
        LabctlError: it can't be made.
    """
    found = State(state.root())
    found.make()
    return found


def running() -> Holder | None:
    """Who holds this user's world; None if it is not there. Nothing is made."""
    return State(state.root()).holder()


def ensure(world: State, say: Callable[[str], object], why: str = "") -> Holder:
    """Start the world unless it is there. The caller uses it (`State.using`), so that it does not end meanwhile.

    `say` is called with what the user may want to know when it is started, which takes seconds; `why` is why it is not
    the system's, as the end of a sentence, or empty where the user asked for it.

    Raises:
        LabctlError: this machine lacks something, or a part of it failed.
    """
    if found := world.holder():
        return found
    lock = world.open_lock("start.lock")
    try:
        _wait_for(lock)
        return world.holder() or _start(world, say, why)
    finally:
        os.close(lock)


def _wait_for(lock: int) -> None:
    while not taken(lock):  # another labctl starts it
        time.sleep(_POLL_S)


def _start(world: State, say: Callable[[str], object], why: str) -> Holder:
    refuse_lacking(why)
    say(f"the system's libvirt {why}: {STARTING}" if why else STARTING)
    if until := logout.ends_until():
        say(AT_LOGOUT[until])
    held = world.open_lock("held.lock")
    try:
        if found := _there_before(world, held, say):
            return found
        if last := world.last_holder():
            _wait_for_end(last)
        _launch(world, held)
    finally:
        os.close(held)
    found = world.holder()
    if found is None:
        raise LabctlError("the rootless libvirt ended as soon as it was started", where=str(world.log))
    if not way_out.is_open(found.init.pid):
        say(NO_WAY_OUT.format(world.log) if command.path("pasta") else NO_PASTA)
    return found


def _there_before(world: State, held: int, say: Callable[[str], object]) -> Holder | None:
    """Take the lock of the world. An earlier one has it for a moment where it ends, or where its starter was killed.

    Gives who holds that one, once it is there.

    Raises:
        LabctlError: nobody lets go of the lock.
    """
    begun, told = time.monotonic(), False
    while not taken(held):
        if found := world.holder():
            return found
        waited = time.monotonic() - begun
        if waited > _END_S:
            raise LabctlError(
                "your rootless libvirt runs on another machine, or does not end",
                where=str(world.folder),
                hint="`labctl rootless stop` there, or set LABCTL_DATA_DIR to a folder of this machine alone",
            )
        if waited > _SILENT_S and not told:
            say(WAITING)
            told = True
        time.sleep(_POLL_S)
    return None


def refuse_lacking(why: str = "") -> None:
    """Raise an error if this machine lacks what a user's own libvirt needs; `why` is as of `ensure`.

    Raises:
        LabctlError: with all that is lacking, and how to mend it.
    """
    lacking = [each for each in rootless.checks(distribution()) if each.verdict == FAIL]
    if lacking:
        lines = [f"  {each.name}: {each.found}\n    mend it: {_mending(each)}" for each in lacking]
        summary = "this machine lacks what a libvirt of your own, rootless, needs:"
        if why:
            summary = f"the system's libvirt {why}, and {summary}"
        hint = "`labctl doctor` checks all of it; who is in the group libvirt reaches the system's libvirt instead"
        raise LabctlError("\n".join([summary, *lines]), hint=hint)


def _mending(check: Check) -> str:
    """A command is between backticks, where no line is broken: it is to be pasted."""
    return "; ".join(filter(None, [check.fix and f"`{check.fix}`", check.advice]))


def _launch(world: State, held: int) -> None:
    """Start the holder, which goes on when labctl ends, and wait until libvirtd inside answers.

    An exception, as of Ctrl-C, ends what was begun.
    """
    receiver, sender = os.pipe()
    argv = [sys.executable, "-P", "-m", holder.__name__, str(world.folder), str(sender), str(held)]
    kept = {name: os.environ[name] for name in ("HOME", "LD_LIBRARY_PATH") if name in os.environ}
    environment = {**kept, "PATH": command.search_path(), "LC_ALL": "C.UTF-8", "PYTHONPATH": str(_PACKAGES)}
    with world.log.open("wb") as log, os.fdopen(receiver, encoding="utf-8") as answers:
        process = subprocess.Popen(
            [*logout.outlasting(), *argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(sender, held),
            cwd="/",
            env=environment,
            start_new_session=True,
        )
        try:
            os.close(sender)
            answer = answers.readline().strip()
        except BaseException:  # as Ctrl-C
            process.kill()
            process.wait()
            raise
    if answer != init.READY:
        raise LabctlError(
            f"your rootless libvirt did not start: {answer or 'it ended without a word'}",
            hint=f"`labctl doctor` checks what it needs; {world.log} has what its processes said, and "
            f"{world.libvirts_log} what libvirtd did",
        )


def _wait_for_end(last: Holder) -> None:
    """Wait until the processes of an earlier world are gone, which takes a moment longer than its holder's end.

    Its pasta is ended if it was left.
    """
    if not _have_ended(last.init, within_s=_END_S):
        raise LabctlError(f"PID {last.init.pid} of an earlier rootless libvirt does not end")
    for pid in way_out.left(last.init.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def end(found: Holder) -> None:
    """End the world, with all that runs in it, and wait until it is gone.

    Raises:
        LabctlError: it does not end.
    """
    with suppress(ProcessLookupError):
        _terminate(found.init)
    if not ends(found, _END_S):
        raise LabctlError(f"PID {found.init.pid} does not end", hint=f"`kill -9 {found.keeper.pid}` ends it")


def ends(found: Holder, within_s: float = 5.0) -> bool:
    """Wait until the world is gone; False if it is not, after that time."""
    return _have_ended(found.keeper, found.init, within_s=within_s)


def _have_ended(*these: Identity, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while any(each.alive for each in these):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _terminate(process: Identity) -> None:
    """Ask a process to end, and no other one that got its PID meanwhile."""
    handle = os.pidfd_open(process.pid)
    try:
        if process.alive:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
    finally:
        os.close(handle)
