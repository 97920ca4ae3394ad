"""Updates the pins in Labfile.lock, and writes those of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.errors import LabctlError, UsageError
from labctl.core.events import Diagnostic
from labctl.core.record import record, replace
from labctl.engine.pinning import Pinning
from labctl.engine.sources import resolve_images
from labctl.kinds.image.spec import shown
from labctl.kinds.image.store import ImageStore
from labctl.labfile import lockfile

if TYPE_CHECKING:
    from collections.abc import Collection

    from labctl.app.session import Session
    from labctl.core.errors import Problem
    from labctl.core.events import Sink
    from labctl.labfile.lockfile import Lock, Pin

FORMAT = 1


@record
class Change:
    """The change of one pin. `before` is None if the pin is new, `after` if it was removed."""

    image: str
    arch: str
    before: Pin | None
    after: Pin | None

    def to_json(self) -> dict[str, Any]:
        return {
            "image": self.image,
            "arch": self.arch,
            "before": shown(self.before.key) if self.before else None,
            "after": shown(self.after.key) if self.after else None,
        }


def update(session: Session, names: Collection[str]) -> tuple[list[Change], tuple[Problem, ...]]:
    """Find the Labfile's images anew, all or those in `names`, write Labfile.lock, and return the changes and notes.

    Images that the Labfile no longer has lose their pins.

    Raises:
        UsageError: the Labfile has no image of that name.
        Rejected: an image can't be found.
    """
    before = session.lock
    kept = {where: pin for where, pin in before.items() if names and where[0] not in names}
    found = resolve_images(session.hosts, session.lab, Pinning(kept))
    known = {image for image, _arch in found.pins}
    if unknown := sorted(set(names) - known):
        raise UsageError(
            f"the Labfile has no image {', '.join(unknown)}",
            hint=f"it has {', '.join(sorted(known)) or 'none'}",
        )
    after = _others(before, found.pins) | found.pins
    lockfile.write_lock(session.lock_path, after)
    changes = [
        Change(*where, before.get(where), after.get(where))
        for where in sorted(before.keys() | after.keys())
        if _key(before.get(where)) != _key(after.get(where))
    ]
    return changes, found.notes


def keep(session: Session, used: Lock, sink: Sink) -> None:
    """Write to Labfile.lock which images were used; those that did not get into the store are not pinned yet."""
    if used.items() <= session.lock.items():
        return
    keys = {pin.key for pin in used.values()}
    stored = {key: spec for host in session.hosts for key, spec in ImageStore(host).observe(keys).items()}
    known = {
        image: replace(pin, size=stored[pin.key].size) for image, pin in used.items() if pin.key in stored
    }
    if known.items() <= session.lock.items():
        return
    try:
        lockfile.write_lock(session.lock_path, session.lock | known)
    except LabctlError as error:
        sink(Diagnostic("warning", f"the images that were used are not pinned: {error}", error.hint))


def _others(before: Lock, found: Lock) -> Lock:
    """The pins of the Labfile's images for other architectures, which only hosts of those can update."""
    images = {image for image, _arch in found}
    arches = {arch for _image, arch in found}
    return {
        (image, arch): pin for (image, arch), pin in before.items() if image in images and arch not in arches
    }


def _key(pin: Pin | None) -> str:
    return pin.key if pin else ""
