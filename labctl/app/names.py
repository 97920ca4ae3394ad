"""The names in a Labfile. `status` needs no more of it, and reading it whole takes longer than all else that it does.

So they are kept from the last reading, in the user's cache, for as long as the file is the same. What depends on more
than the file (parameters from outside, standard input) is read each time.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from labctl import __version__
from labctl.core.record import record
from labctl.host import kept
from labctl.labfile.place import place

if TYPE_CHECKING:
    from labctl.app.session import Session


@record
class Names:
    """`vms` maps each VM to its name as written."""

    lab: str
    vms: dict[str, str]


def names(session: Session) -> Names:
    """Give them.

    Raises:
        Rejected: the Labfile is wrong.
    """
    entry = _entry(session)
    if entry is None or "loaded" in session.__dict__:
        return _read(session)
    stamp = _stamp(session.source)
    found = _kept(entry, stamp)
    if found is None:
        found = _read(session)
        _keep(entry, stamp, found)
    return found


def _read(session: Session) -> Names:
    return Names(session.lab.name, {vm.name: vm.base for vm in session.lab.vms})


def _entry(session: Session) -> str | None:
    """Where the names of this Labfile are kept; None where they depend on more than the file."""
    outside = session.sets or session.params or any(name.startswith("LABCTL_SET_") for name in os.environ)
    return None if outside or session.source == "-" else kept.entry("names", place(session.source))


def _stamp(path: str) -> str:
    """What tells that a file is the same, as for make and git; empty where it can't be read."""
    try:
        stat = os.stat(path)
    except OSError:
        return ""
    return f"{__version__} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def _kept(entry: str, stamp: str) -> Names | None:
    """What was kept under this stamp: it is the first line, the lab's name the second, then `VM NAME-AS-WRITTEN`.

    Names have neither spaces nor anything else that a line can't hold, and json takes as long to import as all this.
    """
    try:
        then, lab, *vms = kept.read(entry).decode().splitlines()
        return Names(lab, dict(line.split(" ") for line in vms)) if stamp and then == stamp else None
    except ValueError:
        return None  # none yet, or not ours


def _keep(entry: str, stamp: str, names: Names) -> None:
    lines = [stamp, names.lab, *(f"{vm} {base}" for vm, base in names.vms.items())]
    kept.write(entry, "\n".join(lines).encode())
