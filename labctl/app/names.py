"""The names in a Labfile. `status` needs no more of it, and reading it whole takes longer than all else that it does.

So they are kept for as long as the file is the same (`host.files.readings`). What depends on more than the file
(parameters from outside, standard input) is read each time.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from labctl.core.record import MISSING, record
from labctl.host.files import kept
from labctl.host.files.readings import Readings
from labctl.labfile.absolute_path import absolute_path

if TYPE_CHECKING:
    from labctl.app.session import Session


@record
class Names:
    """`vms` maps each VM to its name as written."""

    lab: str
    vms: dict[str, str]


def entry(path: str) -> str | None:
    """Where the names of a Labfile are kept."""
    return kept.entry("names", path)


def names(session: Session) -> Names:
    """Give them.

    Raises:
        Rejected: the Labfile is wrong.
    """
    state = None if _more(session) else kept.state(session.source)
    if "loaded" in session.__dict__ or not kept.settled(state):
        return _read(session)
    with Readings(entry(absolute_path(session.source)), (Names,), ("core", "labfile")) as readings:
        found = readings.find("names", state)
        if found is MISSING:
            found = _read(session)
            readings.keep("names", state, found)
    return found  # type: ignore[no-any-return]  # what was kept under this name


def _read(session: Session) -> Names:
    return Names(session.lab.name, {vm.name: vm.base for vm in session.lab.vms})


def _more(session: Session) -> bool:
    """Whether the names may depend on more than the file."""
    given = session.sets or session.params or any(name.startswith("LABCTL_SET_") for name in os.environ)
    return bool(given) or session.source == "-" or session.labfile_optional
