"""The exit codes of labctl."""

from __future__ import annotations

from labctl.core.errors import Interrupted, LabctlError, LabHeld, NotReady, Refused, Rejected, UsageError
from labctl.core.events import Ending

FAILED, WRONG, CHANGES, UNREADY, HELD = 1, 2, 3, 4, 5
INTERRUPTED = 128 + 2  # what a shell reports of a program that Ctrl-C ended
BROKEN_PIPE = 128 + 13  # and of one that wrote to a closed pipe

MEANINGS = {
    0: "done",
    FAILED: "an operation failed or was refused, or the answer was no",
    WRONG: "the Labfile or the command line is wrong, or asks for what this host can't do or nobody said yes to",
    CHANGES: "`plan --exit-code`: there are changes",
    UNREADY: "made, but a VM did not become ready in time, or its cloud-init or a step of `provision` failed",
    HELD: "another labctl holds this lab; its PID and user are named",
    INTERRUPTED: "interrupted, as all that goes on until Ctrl-C; what to run next after a change is named",
    BROKEN_PIPE: "whoever read the output went away",
}

_OF_ERRORS: tuple[tuple[type[LabctlError], int], ...] = (
    (Refused, FAILED),  # the Labfile is right
    (Rejected, WRONG),
    (UsageError, WRONG),
    (LabHeld, HELD),
    (NotReady, UNREADY),
    (Interrupted, INTERRUPTED),
    (LabctlError, FAILED),
)
_OF_ENDINGS = {
    Ending.DONE: 0,
    Ending.DECLINED: FAILED,
    Ending.REFUSED: FAILED,
    Ending.FAILED: FAILED,
    Ending.UNREADY: UNREADY,
    Ending.INTERRUPTED: INTERRUPTED,
}


def of_error(error: LabctlError) -> int:
    return next(code for kind, code in _OF_ERRORS if isinstance(error, kind))


def of_ending(ending: Ending) -> int:
    return _OF_ENDINGS[ending]
