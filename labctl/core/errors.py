"""What goes wrong, as errors that are raised deep and shown once, by the command line or by who calls the library.

    LabctlError              an operation failed
    ├── Rejected             the Labfile is wrong: the error has every problem that was found
    │   └── Refused          the Labfile is right, but what exists stands against it
    ├── UsageError           the command line, or an argument of a call, is wrong
    ├── LabHeld              another run of labctl holds this lab
    ├── NotReady             a VM was made, but did not become ready
    ├── RunFailed            a run ended without all that it was to do
    └── Interrupted          the user ended the run
        └── StoppedAtOnce    … without waiting for what was under way

Messages start in lower case, have no final period, and end with the hint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from labctl.core.events import Finished, StepFailed


@record(order=True)
class Position:
    """A place in a file; `line` and `column` count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


FOREIGN = "foreign"  # the severity of what is no mistake of the Labfile: exit 1 and not 2


@record
class Problem:
    """One thing that is wrong with the Labfile: `Labfile.yaml:6:16: vms.web.memory: …`, with a hint."""

    summary: str
    path: str = ""  # the field, as `vms.web.memory`
    where: Position | None = None
    hint: str = ""
    severity: str = "error"  # or "warning", "note", FOREIGN

    def __str__(self) -> str:
        head = "".join(f"{part}: " for part in (str(self.where) if self.where else "", self.path) if part)
        return f"{head}{self.summary}" + (f" ({self.hint})" if self.hint else "")


class LabctlError(Exception):
    """An operation failed. `hint` says how to mend it, `where` names the object or place.

    `instead` is the command that succeeds where the same one would fail again; empty where there is none.
    """

    def __init__(self, summary: str, *, hint: str = "", where: str = "", instead: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.hint = hint
        self.where = where
        self.instead = instead

    def __str__(self) -> str:
        return f"{self.where}: {self.summary}" if self.where else self.summary


class Rejected(LabctlError):
    """The Labfile can't be used. `problems` holds all that was found, in the order of the file."""

    def __init__(self, problems: tuple[Problem, ...] | list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Refused(Rejected):
    """The Labfile is fine, but what exists stands against it, or the host is short of something just now.

    So it is an operation that failed: the same Labfile will do another time, and no edit of it is called for.
    """


class UsageError(LabctlError):
    """The command line is wrong."""


class NotMadeFor(UsageError):
    """An image is for other architectures than the one that is wanted, in libvirt's words."""

    def __init__(self, what: str, arch: str, known: Iterable[str]) -> None:
        super().__init__(f"{what} is not made for {arch}", hint=f"it is for {', '.join(known)}")


class LabHeld(LabctlError):
    """Another labctl holds this lab or this host's lock."""


class NotReady(LabctlError):
    """A VM was made but did not become ready, or its cloud-init failed.

    `brief` says so in words that hold nothing of what the guest or the Labfile says: libvirt shows them to others.
    """

    def __init__(self, summary: str, *, hint: str = "", where: str = "", brief: str = "") -> None:
        super().__init__(summary, hint=hint, where=where)
        self.brief = brief or "it did not become ready in time"


class Interrupted(LabctlError):
    """The user stopped the run; the summary says what that means."""


class StoppedAtOnce(Interrupted):
    """The user did not wait for the calls in flight, which may still be under way."""


class RunFailed(LabctlError):
    """A run that changes a lab ended without all that it was to do.

    `finished` is the run's last event, `failures` are the steps that failed, in the order in which they did.
    """

    def __init__(self, finished: Finished, failures: Iterable[StepFailed] = ()) -> None:
        self.finished, self.failures = finished, tuple(failures)
        counts = f"{finished.done} done, {finished.failed} failed, {finished.skipped} not done"
        why = [f"{each.address}: {each.error}" for each in self.failures]
        super().__init__("\n".join([f"the run {finished.ending}: {counts}", *why]), hint=finished.next)


def mended_by(errors: Collection[LabctlError]) -> str:
    """What to run after a failure."""
    commands = dict.fromkeys(f"`{error.instead}`" for error in errors if error.instead)
    steps = [*commands, *(["mend it and run the same command again"] * any(not e.instead for e in errors))]
    return f"{', then '.join(steps)}; what is done stays done"


def goes_on(verb: str) -> str:
    """What to run after an interruption. No command is named that could reach further than the one that was given."""
    if verb in ("up", "reload"):
        return f"`labctl {verb}` goes on from here, `labctl destroy` removes what was made"
    return "the same command goes on from here"
