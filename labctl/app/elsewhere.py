"""Where else a lab was made: its user may have come to another libvirt without asking for one.

Who is added to the group libvirt gets the system's, and had their own before; and the other way round. The connections
on which a lab was made are kept with its local files, one a line, in the words that `-c` takes.
"""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labctl.app.session import Session

_FILE = "connections"


def note_here(session: Session) -> None:
    """Note that the lab is made here."""
    places = _places(session)
    if here := [each.place for each in session.hosts if each.place not in places]:
        _write(session, [*places, *here])


def forget_here(session: Session) -> list[str]:
    """Note that nothing of the lab is left here, and give where else it was made."""
    others = others_of(session)
    if others:
        _write(session, others)
    return others


def others_of(session: Session) -> list[str]:
    """The other connections on which the lab was made. Whoever can't read that knows of none."""
    here = {each.place for each in session.hosts}
    with suppress(LabctlError):
        return [each for each in _places(session) if each not in here]
    return []


def told(session: Session) -> Problem | None:
    """A warning for a lab of which nothing is here, if it was made elsewhere."""
    others = others_of(session)
    if not others:
        return None
    summary = f"nothing of this lab is on {session.hosts.place}, but it was made on {', '.join(others)}"
    return Problem(summary, hint=hint(others), severity="warning")


def hint(others: Sequence[str]) -> str:
    """The hint with the command that shows the lab in the first of these places."""
    return f"`labctl -c {shlex.quote(others[0])} status` looks there"


def _places(session: Session) -> list[str]:
    return (session.folder.read(_FILE) or b"").decode(errors="replace").split()


def _write(session: Session, places: Iterable[str]) -> None:
    session.folder.write(_FILE, "".join(f"{each}\n" for each in places).encode())
