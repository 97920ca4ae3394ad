"""The errors of labctl. They are shown once, by the command line or by the caller of the library.

    LabctlError              an operation failed
    ├── Rejected             the Labfile is wrong: the error has every problem that was found
    │   └── Refused          the Labfile is right, but conflicts with the host or with existing objects
    ├── UsageError           the command line, or an argument of a call, is wrong
    │   └── Untrusted        the lab reaches the host in ways that the user said no yes to
    ├── LabHeld              another run of labctl holds this lab
    ├── NotReady             a VM was made, but did not become ready
    ├── RunFailed            a run ended without doing everything
    └── Interrupted          the user ended the run
        └── StoppedAtOnce    … without waiting for the calls in flight

Messages start in lower case, have no final period, and end with the hint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from labctl.core.events import Finished, StepFailed
    from labctl.core.host_reach import HostReach


@record(order=True)
class Position:
    """A place in a file; `line` and `column` count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


FOREIGN = (
    "foreign"  # the severity of a problem that is not a mistake in the Labfile: exit code 1 instead of 2
)


@record
class Problem:
    """One problem with the Labfile, shown as `Labfile.yaml:6:16: vms.web.memory: SUMMARY (HINT)`."""

    summary: str
    path: str = ""  # the field, as `vms.web.memory`
    where: Position | None = None
    hint: str = ""
    severity: str = "error"  # or "warning", "note", FOREIGN

    def __str__(self) -> str:
        head = "".join(f"{part}: " for part in (str(self.where) if self.where else "", self.path) if part)
        return f"{head}{self.summary}" + (f" ({self.hint})" if self.hint else "")


class LabctlError(Exception):
    """An operation failed. `hint` says what to do, `where` names the object or the file.

    `instead` is a command that would succeed, for errors where the same command would fail again; else it is empty.
    """

    def __init__(self, summary: str, *, hint: str = "", where: str = "", instead: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.hint = hint
        self.where = where
        self.instead = instead

    def __str__(self) -> str:
        return f"{self.where}: {self.summary}" if self.where else self.summary


class Several(LabctlError):
    """Several errors at once, which are told one by one, with one hint for all."""

    def __init__(self, errors: Iterable[LabctlError], *, hint: str = "") -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(map(str, self.errors)), hint=hint)


MOST_PROBLEMS = 50  # that are told one by one; who mends these knows what the others are


class Rejected(LabctlError):
    """The Labfile can't be used.

    `problems` has the first of its problems, in the order of the file, and `more` is the number of all others.
    """

    def __init__(self, problems: tuple[Problem, ...] | list[Problem], more: int = 0) -> None:
        self.problems = tuple(problems[:MOST_PROBLEMS])
        self.more = more + len(problems) - len(self.problems)
        super().__init__("\n".join([*map(str, self.problems), *and_more(self.more)]))


def and_more(count: int) -> list[str]:
    """The line for problems that are not told one by one; none if there are no such."""
    return [f"… and {count:,} more"] if count else []


class Refused(Rejected):
    """The Labfile is right, but conflicts with existing objects, or the host lacks something at the moment.

    This counts as a failed operation: the same Labfile may work another time without an edit.
    """


class UsageError(LabctlError):
    """The command line, or an argument of a call, is wrong."""


class Untrusted(UsageError):
    """The lab reaches the host in ways (`reaches`) that the user did not say yes to. Nothing was changed."""

    def __init__(self, reaches: Iterable[HostReach]) -> None:
        self.reaches = tuple(reaches)
        told = [f"  {each}" for each in self.reaches]
        super().__init__(
            "\n".join(
                ["this lab reaches the host, and nobody said yes to that; nothing was changed:", *told]
            ),
            hint="if you trust it with that: the same command with --trust",
        )


class NotMadeFor(UsageError):
    """An image is not available for the wanted architecture (`arch`, libvirt's name), but for those in `known`."""

    def __init__(self, what: str, arch: str, known: Iterable[str]) -> None:
        super().__init__(f"{what} is not made for {arch}", hint=f"it is for {', '.join(known)}")


class LabHeld(LabctlError):
    """Another run of labctl has the lock of this lab or of this host."""


class NotReady(LabctlError):
    """A VM was made but did not become ready, or its cloud-init failed.

    `brief` says so without any text of the guest or the Labfile: it is stored in libvirt, where other users can read
    it.
    """

    def __init__(self, summary: str, *, hint: str = "", where: str = "", brief: str = "") -> None:
        super().__init__(summary, hint=hint, where=where)
        self.brief = brief or "it did not become ready in time"


class Interrupted(LabctlError):
    """The user stopped the run; the summary says with which result."""


class StoppedAtOnce(Interrupted):
    """The user stopped the run without waiting for calls in flight, which may still have an effect."""


class RunFailed(LabctlError):
    """A run that changes a lab ended without doing everything.

    `finished` is the last event of the run; `failures` are the failed steps, in the order of their failures.
    """

    def __init__(self, finished: Finished, failures: Iterable[StepFailed] = ()) -> None:
        self.finished, self.failures = finished, tuple(failures)
        counts = f"{finished.done} done, {finished.failed} failed, {finished.skipped} not done"
        why = [f"{each.address}: {each.error}" for each in self.failures]
        super().__init__("\n".join([f"the run {finished.ending}: {counts}", *why]), hint=finished.next)


def mended_by(errors: Collection[LabctlError]) -> str:
    """A hint for what to run after these failures."""
    commands = dict.fromkeys(f"`{error.instead}`" for error in errors if error.instead)
    steps = [*commands, *(["mend it and run the same command again"] * any(not e.instead for e in errors))]
    return f"{', then '.join(steps)}; what is done stays done"


def hint_after(verb: str) -> str:
    """A hint for what to run after an interruption. It names no command that changes more than `verb` does."""
    match verb:
        case "up" | "reload":
            return f"`labctl {verb}` goes on from here, `labctl destroy` removes what was made"
        case "snapshot save":
            return "`labctl snapshot list` shows whether it was taken, `labctl resume` lets VMs go on that are paused"
        case "snapshot restore":
            return "the same command restores it anew, `labctl resume` lets VMs go on that are paused"
        case "snapshot delete":
            return "the next `labctl snapshot delete` or `prune` goes on from here"
    return "the same command goes on from here"
