"""Have images in the store: by name, by the Labfile, from a file, built."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.events import Diagnostic, Ending, Finished, PlanReady, Teller
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.engine.execute import execute
from labctl.engine.sources import Pinning, resolve_images
from labctl.host.files import cache
from labctl.host.images.qcow2 import MAX_VIRTUAL_SIZE
from labctl.host.machine import lock
from labctl.kinds import addresses
from labctl.kinds.image.driver import ImageDriver
from labctl.kinds.image.resolve import resolve_name, resolve_path, resolve_recipe
from labctl.kinds.image.store import ImageStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from labctl.app.session import Session
    from labctl.core.events import Sink
    from labctl.core.stop import Stop
    from labctl.host.host import Host
    from labctl.kinds.image.spec import ImageSpec

BUSY_S = 5.0  # `prune` may be looking whether someone is at it


def named(names: Iterable[str], arch: str, told: Sink) -> list[ImageSpec]:
    """What the catalogue has under these names now, whatever a lock says.

    Raises:
        LabctlError: there is no such image, or its vendor can't be asked.
    """
    specs = [resolve_name(name, arch) for name in names]
    for spec in specs:
        if spec.source == "build":
            told(Diagnostic("note", f"image {spec.label} is built from packages"))
    return specs


def of_labfile(session: Session, told: Sink) -> list[ImageSpec]:
    """All images of the Labfile, as its lock pins them.

    Raises:
        Rejected: some can't be had.
    """
    host = session.host
    pinning = Pinning(session.lock, session.locked)
    found = resolve_images(host, session.lab, host.capabilities.arch, pinning)
    for note in found.notes:
        told(Diagnostic(note.severity, note.summary, note.hint))
    return list(dict.fromkeys(found.images.values()))


def fetch(host: Host, specs: Iterable[ImageSpec], sink: Sink, stop: Stop) -> Finished:
    """Store what is missing, several at once. Gives the last event."""
    began = time.monotonic()
    wanted = {spec.address: spec for spec in specs}
    present = ImageStore(host).observe({spec.key for spec in wanted.values()})
    made = plan(
        wanted,
        {address: spec for address, spec in wanted.items() if spec.key in present},
        connection=host.uri,
    )
    sink(PlanReady(made))
    finished = Finished(Ending.DONE)
    if made:
        outcome = execute(made, {"image": ImageDriver(host)}, host.connection, sink, boots=1, stop=stop)
        counts = len(outcome.done), len(outcome.errors), len(outcome.skipped)
        hint = "what was downloaded is kept: the same command goes on from there"
        finished = Finished(
            outcome.ending,
            *counts,
            round(time.monotonic() - began, 3),
            "" if outcome.ending is Ending.DONE else hint,
        )
    sink(finished)
    return finished


def imported(path: Path, name: str, arch: str, *, firmware: str = "") -> ImageSpec:
    """A file as an image of that name; call `names.remember` once it is in the store.

    Raises:
        LabctlError: the file is refused.
    """
    return replace(resolve_path(path), label=name, arch=arch, firmware=firmware)


@contextmanager
def readable(file: Path, told: Sink, *, convert: bool) -> Iterator[Path]:
    """The file as labctl takes images, converted into a file of its own where that was asked for.

    Raises:
        LabctlError: it is refused, or can't be converted.
    """
    if not convert:
        yield file
        return
    from labctl.host.images.convert import convert as converted

    tell = Teller(told, addresses.image(file.name), time.monotonic())
    with tempfile.TemporaryDirectory(dir=cache.folder("conversions")) as folder, busy(folder):
        target = Path(folder) / "disk.qcow2"
        converted(
            file,
            target,
            lambda done, total: tell.progress("converting", done, total),
            limit_bytes=MAX_VIRTUAL_SIZE,
        )
        yield target


def busy(folder: str) -> AbstractContextManager[None]:
    """Tell `prune` that a temporary folder is in use, as long as this process lives."""
    return lock.held(f"conversion of {Path(folder).name}", wait_s=BUSY_S)


def recipes(names: Iterable[str], arch: str) -> list[ImageSpec]:
    """The images that labctl's recipes of these names build.

    Raises:
        LabctlError: there is no such recipe, or not for that architecture.
    """
    return [resolve_recipe(name, arch) for name in names]
