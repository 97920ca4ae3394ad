"""Finds all that a lab reaches of the host beyond its own folder: each such thing needs a yes (docs/adr/0028)."""

from __future__ import annotations

import hashlib
import json
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from labctl.core.host_reach import Deed, HostReach
from labctl.core.record import replace
from labctl.engine.allocation import allocates
from labctl.engine.edits import reaches_of_edits
from labctl.engine.sources import field_of_image
from labctl.host.files.digests import file_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from labctl.core.spec import Spec
    from labctl.engine.allocation import Allocation
    from labctl.engine.sources import Sources
    from labctl.host.builds.image_build import ImageBuild
    from labctl.labfile.model import LabModel, Vm


def host_reaches(
    lab: LabModel, sources: Sources, allocation: Allocation, specs: Iterable[Spec]
) -> tuple[HostReach, ...]:
    """All that the lab reaches, each thing once; `specs` are those before the edits of `xml:`.

    Raises:
        LabctlError: a file can't be read.
    """
    found = [*reaches_of_edits(lab, specs), *image_reaches(lab, sources), *_checks(lab, allocation)]
    return _once(found)


def image_reaches(lab: LabModel, sources: Sources) -> tuple[HostReach, ...]:
    """What of it the lab reaches with its files and images.

    Raises:
        LabctlError: a file can't be read.
    """
    return _once([*_builds(lab), *sources.reaches, *_files(lab, sources)])


def _once(found: Iterable[HostReach]) -> tuple[HostReach, ...]:
    each_once: dict[str, HostReach] = {}
    for each in found:
        each_once.setdefault(each.id, each)
    return tuple(sorted(each_once.values(), key=lambda each: list(Deed).index(each.deed)))


def _files(lab: LabModel, sources: Sources) -> Iterator[HostReach]:
    """The files from outside of the Labfile's folder, each with the digest of what the guest is given."""
    keys: dict[Path | None, str] = {image.path: spec.key for (image, _), spec in sources.images.items()}
    keys |= {path: spec.key for path, spec in sources.blobs.items()}
    for path, reach in lab.outside.items():
        yield replace(reach, content=reach.content or keys.get(path) or f"sha256-{file_digest(path)}")


def _builds(lab: LabModel) -> Iterator[HostReach]:
    """The commands and files of images that are built: a build runs on the host, as root in a new root of its own."""
    for vm in lab.vms:
        for disk in vm.disks:
            build = disk.image.build if disk.image else None
            if build is None or not (build.run or build.files):
                continue
            digest = _digest(build)
            path = (*field_of_image(disk), "build")
            for index, line in enumerate(build.run):
                why = "a command that builds an image runs on this host, as root"
                yield _reach(lab, vm, Deed.RUNS, line, (*path, "run", index), why, digest)
            for index, file in enumerate(build.files):
                why = "a file of an image that is built: what runs in the build on this host may use it"
                yield _reach(lab, vm, Deed.RUNS, file.target, (*path, "files", index), why, digest)


def _digest(build: ImageBuild) -> str:
    """The digest of all that the Labfile runs in a build: a line means something else after another one."""
    from labctl.host.builds.recipe import content  # few runs build images

    files = [[file.target, file.mode, hashlib.sha256(content(file)).hexdigest()] for file in build.files]
    return f"sha256-{hashlib.sha256(json.dumps([build.run, files]).encode()).hexdigest()}"


def _checks(lab: LabModel, allocation: Allocation) -> Iterator[HostReach]:
    """The addresses that `ready` has the host ask, unless labctl gave them to the lab's own VMs.

    What a guest reports, or the Labfile states of a network that is not labctl's, may be anybody's address.
    """
    own = {network.name for network in lab.networks if allocates(network)}
    nics = (
        allocation.nics.get((vm.name, nic.name)) for vm in lab.vms for nic in vm.nics if nic.network in own
    )
    guests = {str(ip) for nic in nics if nic for ip in nic.given}
    for vm in lab.vms:
        for index, condition in enumerate(vm.ready):
            from_host = condition.origin == "host" or vm.cloud_init is False
            if condition.http and from_host and _asked(condition.http) not in guests:
                why = "a condition that the host checks, at no address of the lab's VMs"
                yield _reach(lab, vm, Deed.OPENS, condition.http, ("ready", index, "http"), why)


def _asked(url: str) -> str:
    """The address that a URL names; empty for a name, since nobody knows where that leads."""
    try:
        return str(ip_address(urlsplit(url).hostname or ""))
    except ValueError:
        return ""


def _reach(  # noqa: PLR0913, PLR0917  # the fields of a reach
    lab: LabModel, vm: Vm, deed: Deed, subject: str, path: tuple[str | int, ...], why: str, content: str = ""
) -> HostReach:
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in ("vms", vm.base, *path))
    return HostReach(
        deed, subject, field.lstrip("."), str(lab.where("vms", vm.name, *path) or ""), why, content
    )
