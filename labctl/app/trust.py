"""The user's yes to what a lab reaches of the host: asked for before the first change, then kept (docs/adr/0028)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError, Untrusted
from labctl.core.events import Diagnostic
from labctl.core.record import replace
from labctl.host.files import yeses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.app.session import Session
    from labctl.core.events import Sink
    from labctl.core.host_reach import HostReach


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
    shown = session.redactor.in_value(new)
    if not session.trust:
        raise Untrusted(shown)
    return session.trust(shown)


def require(session: Session, reaches: Iterable[HostReach]) -> None:
    """Let nothing through that was not asked for before.

    Raises:
        Untrusted: there is something.
    """
    if new := [each for each in reaches if not each.trusted]:
        raise Untrusted(session.redactor.in_value(new))


def keep(session: Session, reaches: Iterable[HostReach], sink: Sink) -> None:
    """Remember the yes to these; where that fails it holds for this run, and that is told."""
    new = [each for each in reaches if not each.trusted]
    if not new:
        return
    session.granted |= {each.id for each in new}
    kept = [each for each in new if session.redactor.in_value(each) == each]  # a secret is not written down
    try:
        yeses.remember(session.lab.path, kept)
    except LabctlError as error:
        sink(Diagnostic("warning", f"your yes is not remembered: {error}", error.hint))
