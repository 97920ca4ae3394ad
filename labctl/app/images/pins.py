"""Pin anew what a Labfile's images are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.errors import UsageError
from labctl.core.record import record
from labctl.engine.sources import Pinning, resolve_images
from labctl.kinds.image.spec import shown
from labctl.labfile import lockfile

if TYPE_CHECKING:
    from collections.abc import Collection

    from labctl.app.session import Session
    from labctl.core.errors import Problem
    from labctl.labfile.lockfile import Lock, Pin

FORMAT = 1


@record
class Change:
    """What became of one pin; None where there is none, before or after."""

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
    """Find all images of the Labfile anew, or those named, and write Labfile.lock. Gives what changed, and notes.

    What it no longer has is not pinned any more.

    Raises:
        UsageError: the Labfile has no such image.
        Rejected: one can't be found.
    """
    before = session.lock
    kept = {where: pin for where, pin in before.items() if names and where[0] not in names}
    found = resolve_images(session.host, session.lab, session.host.capabilities.arch, Pinning(kept))
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


def _others(before: Lock, found: Lock) -> Lock:
    """What is pinned of the Labfile's images for hosts of another architecture: only those can tell what it is now."""
    images = {image for image, _arch in found}
    arches = {arch for _image, arch in found}
    return {
        (image, arch): pin for (image, arch), pin in before.items() if image in images and arch not in arches
    }


def _key(pin: Pin | None) -> str:
    return pin.key if pin else ""
