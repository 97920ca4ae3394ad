"""The names in a Labfile. `status` needs no more of it, and reading it whole takes longer than all else that it does.

So they are kept from the last reading, in the user's cache, for as long as the file is the same. What depends on more
than the file (parameters from outside, standard input) is read each time.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl import __version__
from labctl.core.record import record
from labctl.labfile.place import place

if TYPE_CHECKING:
    from labctl.app.session import Session

LONGEST = 250  # bytes that a file's name can have, with some to spare for a temporary one


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
    stamp = _stamp(Path(session.source))
    kept = _kept(entry)
    if stamp and kept.get("stamp") == stamp:
        return Names(kept["lab"], kept["vms"])
    found = _read(session)
    if stamp:
        _keep(entry, {"stamp": stamp, "lab": found.lab, "vms": found.vms})
    return found


def _read(session: Session) -> Names:
    return Names(session.lab.name, {vm.name: vm.base for vm in session.lab.vms})


def _entry(session: Session) -> Path | None:
    """Where the names of this Labfile are kept; None where they depend on more than the file."""
    outside = session.sets or session.params or any(name.startswith("LABCTL_SET_") for name in os.environ)
    if outside or session.source == "-":
        return None
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "labctl" / "names"
    name = str(place(session.source)).replace("%", "%%").replace("/", "%-")
    return folder / name if len(os.fsencode(name)) < LONGEST else None


def _stamp(path: Path) -> list[Any]:
    """What tells that a file is the same, as for make and git; empty where it can't be read."""
    try:
        stat = path.stat()
    except OSError:
        return []
    return [__version__, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _kept(entry: Path) -> dict[str, Any]:
    import json

    try:
        return dict(json.loads(entry.read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}  # none yet, or not ours


def _keep(entry: Path, value: dict[str, Any]) -> None:
    import json

    from labctl.core.errors import LabctlError
    from labctl.host.keys import write_private

    try:
        write_private(entry, json.dumps(value).encode())
    except (OSError, LabctlError):
        return  # a cache that can't be written costs time only
