"""Applies a Labfile whenever it changes, or a file that it refers to."""

from __future__ import annotations

import os
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from labctl.app import folders
from labctl.core.errors import Interrupted, LabctlError, LabHeld, Rejected, RunFailed, UsageError
from labctl.core.events import Diagnostic, Ending
from labctl.core.operations import operations
from labctl.core.plan import Action
from labctl.core.settling import Settling
from labctl.core.spans import spans
from labctl.core.spec import of_kind
from labctl.engine import provision
from labctl.host.files import lab_folder
from labctl.host.files.watching import Watcher
from labctl.kinds.provision.spec import ProvisionSpec
from labctl.labfile import lockfile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from labctl.app.session import Session
    from labctl.core.events import Sink
    from labctl.core.plan import Plan

HELD_POLL_S = 1.0
NAMED = 3  # of the files that changed
_WORDS = {Action.RESTART: "restarts", Action.REPLACE: "is replaced", Action.DELETE: "is deleted"}


def needing_a_yes(plan: Plan) -> list[str]:
    """What a plan does that is not done without a yes, as `vm/web restarts`: all but what is live.

    A file that is half written may be a Labfile without half of its VMs.
    """
    stopping = {each.step.address for each in operations(plan) if each.verb.stops}
    made = of_kind((step.after for step in plan.steps), ProvisionSpec)
    restarting = {spec.address: spec.on for spec in made if spec.reboot}
    found = []
    for step in plan.steps:
        if step.action in _WORDS:
            found.append(f"{step.address} {_WORDS[step.action]}")
        elif step.address in stopping:
            found.append(f"{step.address} is shut down")
        elif step.destructive:
            found.append(f"{step.address} loses {step.loss}")
        elif step.address in restarting:
            found.append(f"{step.address} restarts {spans(restarting[step.address])}")
    return found


def watch(
    start: Callable[[], Session],
    apply: Callable[[], object],
    sync: Callable[[], object],
    sink: Sink,
    ready: Callable[[], object] = lambda: None,
) -> NoReturn:
    """Apply the Labfile now, and again whenever it changes; copy folders of rsync whenever something in them changes.

    Problems of the Labfile and failed runs are told, and it goes on.

    Args:
        start: gives a session, which has not read the Labfile yet.
        apply: makes the lab what the Labfile says.
        sync: copies what changed in folders, and changes nothing else.
        sink: is told what changed, and what is wrong.
        ready: called once it watches.

    Raises:
        UsageError: there is no Labfile to begin with. One that goes later may come back: editors rename files.
        Interrupted: a run was asked to end.
        LabctlError: files can't be watched.
    """
    changes: SimpleQueue[Path] = SimpleQueue()
    run = apply
    if (first := start()).absent:
        raise first.absent
    with Watcher(changes.put, _ours(first)) as watcher:
        ready()
        while True:
            if loads(start(), watcher, sink):
                _run(run, sink)
            changed = settled(changes)
            sink(Diagnostic("note", f"{_names(changed)} changed"))
            run = apply if any(map(watcher.is_of_files, changed)) else sync


def _ours(session: Session) -> tuple[str, str]:
    """The names of what labctl itself writes beside a Labfile."""
    return lab_folder.TOP, lockfile.lock_path(Path(session.source)).name


def settled(changes: SimpleQueue[Path]) -> tuple[Path, ...]:
    """Wait for changes, and until there are no more for a moment."""
    settling: Settling[Path] = Settling()
    while (left := settling.left()) is None or left > 0:
        try:
            settling.add(changes.get(timeout=left))
        except Empty:
            continue
    return settling.take()


def loads(session: Session, watcher: Watcher, sink: Sink) -> bool:
    """Read the Labfile, watch what it is made from and the folders that are copied; gives whether it is right.

    What is wrong with it is told.
    """
    sources: list[Path] = []
    played: dict[Path, tuple[Path, ...]] = {}
    try:
        without = provision.not_played(session.lab)
        played = {each.folder: without for each in provision.playbooks(session.lab)}
        sources = folders.copied_sources(session)
    except (Rejected, UsageError) as error:
        _tell(error, sink)
        return False
    except LabctlError as error:
        _tell(error, sink)
    finally:
        watcher.watch(session.files, sources, played)
    return True


def _run(run: Callable[[], object], sink: Sink) -> None:
    """Apply the Labfile or copy folders, once nobody else changes the lab."""
    from time import sleep

    told = False
    while True:
        try:
            run()
        except LabHeld as error:
            if not told:
                sink(Diagnostic("note", f"{error}; waiting"))
            told = True
            sleep(HELD_POLL_S)
        except RunFailed as error:  # its events have told it
            if error.finished.ending is Ending.INTERRUPTED:
                raise
            return
        except Interrupted:
            raise
        except LabctlError as error:
            _tell(error, sink)
            return
        else:
            return


def _tell(error: LabctlError, sink: Sink) -> None:
    if not isinstance(error, Rejected):
        sink(Diagnostic("warning", str(error), error.hint))
        return
    for problem in error.problems:
        sink(Diagnostic("warning", str(problem)))
    count = len(error.problems) + error.more
    sink(Diagnostic("note", f"nothing was changed: {count:,} problem{'s' if count != 1 else ''}"))


def _names(changed: Sequence[Path]) -> str:
    names = sorted({os.path.relpath(each) for each in changed})
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
