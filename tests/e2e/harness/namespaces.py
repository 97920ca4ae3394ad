"""Namespaces, and the processes that hold them: the launcher outside, one at the border, and PID 1 inside."""

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence

from labctl.host.rootless.namespaces import NEWIPC, NEWNET, NEWNS, NEWPID, end_with_parent

libc = ctypes.CDLL(None, use_errno=True)


def run_isolated(prepare: Callable[[], None], command: Sequence[str]) -> int:
    """Run `command` in new namespaces after `prepare`; its exit code, 128+N when signal N ended it.

    The launcher itself stays outside of them: it cleans up, and must not see what is mounted inside, as the checkout.
    """
    return _followed(lambda: _hold(prepare, command))


def _hold(prepare: Callable[[], None], command: Sequence[str]) -> int:
    """Enter the namespaces; those of processes begin with the next child."""
    _checked(libc.unshare(NEWNS | NEWIPC | NEWPID | NEWNET))
    return _followed(lambda: _be_init(prepare, command))


def _followed(body: Callable[[], int]) -> int:
    """Run the body in a child, with our signals, and give its exit code."""
    # A killed `make` or `timeout` takes the launcher along, and that takes PID 1
    end_with_parent(signal.SIGKILL)
    child = os.fork()
    if child == 0:
        _exit_with(body)
    # Ctrl-C is for the command, which gets it from the terminal too; the launcher has to stay to clean up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: os.kill(child, received))
    return _exit_code(os.waitpid(child, 0)[1])


def _be_init(prepare: Callable[[], None], command: Sequence[str]) -> int:
    """PID 1: prepare, start the command, reap orphans. When it returns, the kernel kills all others."""
    end_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare()
    child = os.fork()
    if child == 0:
        _exit_with(lambda: _become(command))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: os.kill(child, received))
    while True:
        pid, status = os.wait()
        if pid == child:
            return _exit_code(status)


def _become(command: Sequence[str]) -> int:
    """Replace this process by the command, in the terminal's foreground where there is a terminal."""
    if os.isatty(0):
        # The session's leader is outside of the PID namespace; with a group of its own a shell has job control.
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpgrp())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        os.execvp(command[0], list(command))
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127


def _exit_with(body: Callable[[], int]) -> None:
    """End a forked process with the body's code, never running the parent's clean-up."""
    code = 125
    try:
        code = body()
    except Exception:  # noqa: BLE001 - the process ends here whatever it was
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
