"""Puts images into the store: by their names in the catalogue or the Labfile, from a file, or built from a recipe."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.app import trust
from labctl.core.errors import LabctlError
from labctl.core.events import Diagnostic, Ending, Finished, PlanReady, Teller
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.engine.execute import execute
from labctl.engine.host_reaches import image_reaches
from labctl.engine.pinning import Pinning
from labctl.engine.sources import resolve_images
from labctl.host.files import cache
from labctl.host.images import convert as conversion
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
    from labctl.core.address import Address
    from labctl.core.events import Sink
    from labctl.core.stop import Stop
    from labctl.host.hosts import Hosts
    from labctl.kinds.image.spec import ImageSpec

BUSY_S = 5.0  # `prune` holds the lock for a moment while it looks whether the folder is in use


def named(names: Iterable[str], arch: str, sink: Sink) -> list[ImageSpec]:
    """The current images of these names in the catalogue; Labfile.lock is not consulted.

    Raises:
        LabctlError: there is no such image, or its vendor does not answer.
    """
    specs = [resolve_name(name, arch) for name in names]
    for spec in specs:
        if spec.source == "build":
            sink(Diagnostic("note", f"image {spec.label} is built from packages"))
    return specs


def of_labfile(session: Session, sink: Sink) -> list[ImageSpec]:
    """All images of the Labfile, as Labfile.lock pins them.

    Raises:
        Rejected: some can't be found.
        Untrusted: they reach the host, and nobody is there to ask.
        LabctlError: somebody is, and says no.
    """
    found = resolve_images(session.hosts, session.lab, Pinning(session.lock, session.locked))
    reaches = trust.marked(session, image_reaches(session.lab, found))
    if not trust.allowed(session, reaches):
        raise LabctlError(
            "you don't trust this lab, so nothing was fetched",
            hint="`labctl plan` shows what it reaches; `labctl trust` what you said yes to",
        )
    trust.keep(session, reaches, sink)
    for note in found.notes:
        sink(Diagnostic(note.severity, note.summary, note.hint))
    return list(dict.fromkeys(found.images.values()))


def fetch(hosts: Hosts, specs: Iterable[ImageSpec], sink: Sink, stop: Stop) -> Finished:
    """Put the missing images into their hosts' stores, several at once, and return the last event of the run."""
    began = time.monotonic()
    wanted = {spec.address: spec for spec in specs}
    present: dict[Address, ImageSpec] = {}
    for host, images in hosts.split(wanted.values()):
        stored = ImageStore(host).observe({spec.key for spec in images})
        present |= {spec.address: spec for spec in images if spec.key in stored}
    fetch_plan = plan(wanted, present, connection=hosts.place)
    sink(PlanReady(fetch_plan))
    finished = Finished(Ending.DONE)
    if fetch_plan:
        outcome = execute(fetch_plan, hosts, lambda _kind, host: ImageDriver(host), sink, stop)
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
    """The spec of a file that is to be an image called `name`; call `names.remember` once it is in the store.

    Raises:
        LabctlError: the file is not an image that labctl takes.
    """
    return replace(resolve_path(Path(os.path.realpath(path))), label=name, arch=arch, firmware=firmware)


@contextmanager
def importable(file: Path, sink: Sink, *, convert: bool) -> Iterator[Path]:
    """The file itself or, with `convert`, a temporary qcow2 file made from it.

    Raises:
        LabctlError: the file is refused, or can't be converted.
    """
    if not convert:
        yield file
        return
    tell = Teller(sink, addresses.image(file.name), time.monotonic())
    with tempfile.TemporaryDirectory(dir=cache.folder("conversions")) as folder, in_use(folder):
        target = Path(folder) / "disk.qcow2"
        conversion.convert(
            file,
            target,
            lambda done, total: tell.progress("converting", done, total),
            limit_bytes=MAX_VIRTUAL_SIZE,
        )
        yield target


def in_use(folder: str) -> AbstractContextManager[None]:
    """Hold the lock by which `prune` sees that a temporary folder is in use."""
    return lock.held(cache.lock_name(f"conversion of {Path(folder).name}"), wait_s=BUSY_S)


def recipes(names: Iterable[str], arch: str) -> list[ImageSpec]:
    """The specs of the images that labctl's recipes of these names build.

    Raises:
        LabctlError: there is no such recipe, or none for that architecture.
    """
    return [resolve_recipe(name, arch) for name in names]
