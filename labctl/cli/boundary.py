"""Where errors become messages and exit codes, and the one place where labctl ends its process."""

from __future__ import annotations

import atexit
import gc
import io
import os
import signal
import sys
from typing import NoReturn

from labctl.cli import exits, interruptions, run_state, telling
from labctl.core.errors import Interrupted, LabctlError, Rejected, StoppedAtOnce, UsageError, and_more
from labctl.host.files import os_errors


def main(argv: list[str]) -> NoReturn:
    """Run the command line and leave with its exit code."""
    # Few of the functions of libvirt's many libraries are called, so not all of them need be found first.
    sys.setdlopenflags(os.RTLD_LAZY)
    # A run leaves little garbage, and libvirt's objects must not go at any moment: their end forgets the error of a
    # call that has just failed in the same thread, before the exception has taken it over.
    gc.disable()
    _open_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # as stderr: what can't be encoded is no reason to fail
        sys.stdout.reconfigure(errors="backslashreplace")
    interruptions.end_by(_leave_interrupted)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # since `__main__`, while modules were loaded
        signal.signal(signal.SIGINT, signal.default_int_handler)
    code = guarded(argv)
    if code != exits.INTERRUPTED:
        _leave(code)  # nothing is under way any more, and Python's own end takes as long as a look at libvirt
    # Python's end waits for calls in flight, unless asked again. Behind that it would take modules apart, and libvirt's
    # objects, which close their connections when they go, would complain.
    signal.signal(signal.SIGINT, lambda *_: _leave(code))
    atexit.register(_leave, code)
    sys.exit(code)


def _open_closed_streams() -> None:
    """Have all three standard streams, also one that the caller closed: what is opened later would get its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            setattr(sys, name, os.fdopen(nothing, "r" if number == 0 else "w"))


def guarded(argv: list[str]) -> int:
    """Run and give the exit code; an interruption ends the process here, since workers may still hang in libvirt."""
    from labctl import cli

    try:
        run_state.start()
        code = cli.run(argv)
        sys.stdout.flush()
    except (KeyboardInterrupt, StoppedAtOnce):
        _leave_interrupted()
    except Interrupted as error:
        telling.say(f"interrupted: {error}")
        return exits.INTERRUPTED
    except LabctlError as error:
        return _failed(error, argv)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains while it exits
        return exits.BROKEN_PIPE
    except OSError as error:
        return _refused(error, argv)
    except Exception as error:  # noqa: BLE001  # the boundary
        return _broken(error, argv)
    return code


def _failed(error: LabctlError, argv: list[str]) -> int:
    if _debug(argv):
        _traceback()
    if isinstance(error, Rejected):
        for line in [*map(str, error.problems), *and_more(error.more)]:
            telling.say(line)
        count = len(error.problems) + error.more
        told = [f"error: {count:,} problem{'s' if count != 1 else ''}", run_state.left()]
        telling.say(", ".join(filter(None, told)))
    else:
        telling.say_error(error)
    return exits.of_error(error)


def _refused(error: OSError, argv: list[str]) -> int:
    """What the machine did not let us do, where nobody nearer had a word for it."""
    if error.errno in os_errors.EXPECTED and error.filename:
        return _failed(os_errors.as_labctl_error(error, "can't use it"), argv)
    if isinstance(error, FileNotFoundError) and _adrift():
        return _failed(UsageError("the folder that you are in is gone", hint="cd to one that is there"), argv)
    return _broken(error, argv)


def _adrift() -> bool:
    """Whether the folder that this process is in was removed."""
    try:
        os.getcwd()  # noqa: PTH109  # pathlib need not be imported
    except FileNotFoundError:
        return True
    return False


def _broken(error: Exception, argv: list[str]) -> int:
    if _debug(argv):
        _traceback()
    telling.say(f"error: internal error, {type(error).__name__}: {error}")
    if not _debug(argv):
        telling.say("  hint: this is a bug in labctl; run again with --debug to see where")
    return exits.FAILED


def _debug(argv: list[str]) -> bool:
    return "--debug" in argv[: argv.index("--") if "--" in argv else None]


def _traceback() -> None:
    import traceback

    telling.say(traceback.format_exc().rstrip())


def _leave_interrupted() -> NoReturn:
    telling.say(run_state.interrupted())
    _leave(exits.INTERRUPTED)


def _leave(code: int) -> NoReturn:
    """Exit at once: neither worker threads nor exit handlers are waited for."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            continue  # whoever read it has gone
    os._exit(code)
