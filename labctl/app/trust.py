"""The user's yes to what a lab reaches of the host: asked for before the first change, then kept (docs/adr/0028).

It is also shown, and taken back.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labctl.app import labfile_path
from labctl.core.errors import LabctlError, Untrusted, UsageError
from labctl.core.events import Diagnostic
from labctl.core.record import replace
from labctl.host.files import yeses
from labctl.labfile.absolute_path import absolute_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from labctl.app.session import Session
    from labctl.core.events import Sink
    from labctl.core.host_reach import HostReach

    Trusted = dict[str, tuple[HostReach, ...]]  # by the path of the Labfile

SHORTEST = 4  # hex digits of an id that names a yes


def marked(session: Session, reaches: Iterable[HostReach]) -> tuple[HostReach, ...]:
    """The reaches, each with whether the user said yes to it, in this run or before."""
    found = tuple(reaches)
    if not found:
        return ()
    known = session.granted | {each.id for each in yeses.remembered(session.lab.path)}
    return tuple(replace(each, trusted=each.id in known) for each in found)


def allowed(session: Session, reaches: Iterable[HostReach]) -> bool:
    """Whether the user says yes to the reaches that are new; True where none is.

    Raises:
        Untrusted: nobody is there to ask.
    """
    new = tuple(each for each in reaches if not each.trusted)
    if not new or session.trust is True:
        return True
    if not session.trust:
        raise Untrusted(new)
    return session.trust(session.redactor.in_value(new))


def require(reaches: Iterable[HostReach]) -> None:
    """Let nothing through that was not asked for before.

    Raises:
        Untrusted: there is something.
    """
    if new := [each for each in reaches if not each.trusted]:
        raise Untrusted(new)


def keep(session: Session, reaches: Iterable[HostReach], sink: Sink) -> None:
    """Remember the yes to these; where that fails it holds for this run, and that is told."""
    new = [each for each in reaches if not each.trusted]
    if not new:
        return
    session.granted |= {each.id for each in new}
    kept = [each for each in new if session.redactor.in_value(each) == each]  # a secret is not written down
    if kept != new:
        sink(Diagnostic("note", "a yes to what holds the text of a secret is for this run alone"))
    try:
        yeses.remember(session.lab.path, kept)
    except LabctlError as error:
        sink(Diagnostic("warning", f"your yes is not remembered: {error}", error.hint))


def trusted(labfile: str | None) -> Trusted:
    """What the user trusts a Labfile with, by default that of the current folder; it need not exist if it is named.

    Raises:
        UsageError: there is none.
    """
    try:
        source = labfile_path.find(labfile)
    except UsageError:
        if labfile is None:
            raise
        source = labfile_path.in_folder(labfile)
    path = Path.cwd() / "-" if source == "-" else Path(absolute_path(source))
    return {str(path): yeses.remembered(path)}


def revoke(found: Trusted, ids: Collection[str] | None = None) -> Trusted:
    """Take yeses back, those whose ids begin with one of `ids` or all of these, and give them.

    Raises:
        UsageError: there is none that an id means.
        LabctlError: the others can't be written.
    """
    chosen = found if ids is None else _chosen(found, ids)
    for labfile, reaches in chosen.items():
        yeses.forget(Path(labfile), {each.id for each in reaches})
    return {
        labfile: tuple(replace(each, trusted=False) for each in reaches)
        for labfile, reaches in chosen.items()
    }


def _chosen(found: Trusted, ids: Collection[str]) -> Trusted:
    known = [reach.id for reaches in found.values() for reach in reaches]
    for each in ids:
        if len(each) < SHORTEST:
            raise UsageError(
                f"{each} is too short for an id", hint=f"give its first {SHORTEST} digits, or more"
            )
        if not any(one.startswith(each) for one in known):
            raise UsageError(f"no yes has the id {each}", hint="`labctl trust` shows them")
    return {
        labfile: tuple(reach for reach in reaches if reach.id.startswith(tuple(ids)))
        for labfile, reaches in found.items()
    }
