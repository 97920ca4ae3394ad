"""Finds all that a lab reaches of the host beyond its own folder: each such thing needs a yes (docs/adr/0028)."""

from __future__ import annotations

import hashlib
import json
import os
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from labctl.core.host_reach import Deed, HostReach
from labctl.core.record import replace
from labctl.core.spec import of_kind
from labctl.engine.allocation import Occupied, OccupiedSubnets, allocates, reached
from labctl.engine.edit_reaches import reaches_of_edits
from labctl.engine.sources import field_of_image
from labctl.host.files.content import content_digest
from labctl.host.files.digests import file_digest
from labctl.host.files.regular import open_real
from labctl.kinds.folder.spec import FolderSpec
from labctl.kinds.provision.spec import ProvisionSpec
from labctl.kinds.provision.work import Ansible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labctl.core.spec import Spec
    from labctl.engine.allocation import Allocation
    from labctl.engine.sources import Sources
    from labctl.host.builds.image_build import ImageBuild
    from labctl.labfile.model import LabModel, Network, Vm


def host_reaches(
    lab: LabModel, sources: Sources, allocation: Allocation, specs: Iterable[Spec]
) -> tuple[HostReach, ...]:
    """All that the lab reaches, each thing once; `specs` are those before the edits of `xml:`.

    Raises:
        LabctlError: a file can't be read.
    """
    files = _files(lab, sources, lab.outside)
    traffic = [*_checks(lab, allocation), *_routed(lab, allocation), *_opened(lab)]
    written = lab.written.values()
    specs = list(specs)
    run = [*_images(lab, sources), *_playbooks(lab, specs)]
    return _once([*reaches_of_edits(lab, specs), *run, *files, *written, *_mounts(lab, specs), *traffic])


def image_reaches(lab: LabModel, sources: Sources) -> tuple[HostReach, ...]:
    """What of it the lab reaches with its images.

    Raises:
        LabctlError: a file can't be read.
    """
    images = [disk.image for vm in lab.vms for disk in vm.disks if disk.image]
    paths = {image.path for image in images} | {
        file.source for image in images if image.build for file in image.build.files
    }
    outside = [path for path in lab.outside if path in paths]
    return _once([*_images(lab, sources), *_files(lab, sources, outside)])


def _images(lab: LabModel, sources: Sources) -> list[HostReach]:
    """What is built, asked for at an address, or sent elsewhere by the lock."""
    return [*_builds(lab), *_urls(lab), *sources.reaches]


def _once(found: Iterable[HostReach]) -> tuple[HostReach, ...]:
    each_once: dict[str, HostReach] = {}
    for each in found:
        each_once.setdefault(each.id, each)
    return tuple(sorted(each_once.values(), key=lambda each: list(Deed).index(each.deed)))


def _files(lab: LabModel, sources: Sources, outside: Iterable[Path]) -> Iterator[HostReach]:
    """These files from outside of the Labfile's folder, each with the digest of what the guest is given."""
    keys: dict[Path | None, str] = {image.path: spec.key for (image, _), spec in sources.images.items()}
    keys |= {path: spec.key for path, spec in sources.blobs.items()}
    for path in outside:
        reach = lab.outside[path]
        yield replace(reach, content=reach.content or keys.get(path) or _digest_of(path))


def _digest_of(path: Path) -> str:
    """The digest of a file, or of a folder, that a guest is given; empty if it is not there yet."""
    if path.is_dir() or not path.exists():
        return content_digest(path)
    return f"sha256-{file_digest(path, open_real)}"


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


def _playbooks(lab: LabModel, specs: Iterable[Spec]) -> Iterator[HostReach]:
    """The playbooks of provisioning steps, with all that is in their folders. No variable changes how Ansible works."""
    for step in of_kind(specs, ProvisionSpec):
        if isinstance(step.work, Ansible):
            stated = json.dumps([step.played, step.work.tags])
            yield HostReach(
                Deed.RUNS,
                os.path.realpath(step.work.playbook),
                _field(*step.stated),
                str(lab.where(*step.stated) or ""),
                "Ansible runs a playbook on this host, as you",
                f"sha256-{hashlib.sha256(stated.encode()).hexdigest()}",
            )


def _mounts(lab: LabModel, specs: Iterable[Spec]) -> Iterator[HostReach]:
    """The Labfile's own folders that a guest may write to; those from outside are asked for as files are.

    What a guest writes there, the user may run: a hook of git, or a program with the set-user-ID bit of root.
    """
    own = Path(os.path.realpath(lab.folder))
    for folder in of_kind(specs, FolderSpec):
        source = os.path.realpath(folder.source)
        if folder.mounted and not folder.readonly and Path(source).is_relative_to(own):
            yield HostReach(
                Deed.WRITES,
                source,
                _field("vms", folder.base, "folders"),
                str(lab.where("vms", folder.vm, "folders") or ""),
                f"a guest writes to a folder of this host, by {folder.type}",
                folder.type,
            )


def _urls(lab: LabModel) -> Iterator[HostReach]:
    """The addresses of images that only this machine or its network can reach: to ask there may do something."""
    for vm in lab.vms:
        for disk in vm.disks:
            url = disk.image.url if disk.image else None
            if url and _is_local(urlsplit(url).hostname or ""):
                why = "an address of this machine or its network, which the host asks for the image"
                yield _reach(lab, vm, Deed.OPENS, url, field_of_image(disk), why)


def _is_local(name: str) -> bool:
    """Whether a URL's host is the machine itself or an address that is not public; where a name leads nobody knows."""
    try:
        return not ip_address(name).is_global
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _digest(build: ImageBuild) -> str:
    """The digest of all that the Labfile runs in a build: a line means something else after another one."""
    from labctl.host.builds.recipe import content  # few runs build images

    files = [[file.target, file.mode, hashlib.sha256(content(file)).hexdigest()] for file in build.files]
    return f"sha256-{hashlib.sha256(json.dumps([build.run, files]).encode()).hexdigest()}"


def _checks(lab: LabModel, allocation: Allocation) -> Iterator[HostReach]:
    """The addresses that `ready` has the host ask, unless they are those of the lab's own VMs.

    What a guest reports, or the Labfile states of a network that the host is not on, may be anybody's address.
    """
    guests = {str(ip) for vm in lab.vms for _nic, ip in reached(vm, allocation)}
    for vm in lab.vms:
        for index, condition in enumerate(vm.ready):
            from_host = condition.origin == "host" or vm.cloud_init is False
            if condition.http and from_host and _asked(condition.http) not in guests:
                why = "a condition that the host checks, at no address of the lab's VMs"
                yield _reach(lab, vm, Deed.OPENS, condition.http, ("ready", index, "http"), why)


def _routed(lab: LabModel, allocation: Allocation) -> Iterator[HostReach]:
    """What the host would send into the lab of its own traffic: to public addresses, and by routes beyond the lab."""
    known = {
        each.name: allocation.networks[each.name] for each in lab.networks if each.name in allocation.networks
    }
    subnets = [subnet for each in known.values() for subnet in (each.subnet4, each.subnet6) if subnet]
    own = OccupiedSubnets(Occupied(subnet, lab.name) for subnet in subnets)
    for network in lab.networks:
        its = known.get(network.name)
        if its is None or not allocates(network):
            continue
        for key, subnet, host in (("subnet", its.subnet4, its.host4), ("ipv6", its.subnet6, its.host6)):
            if subnet and host and not subnet.is_private:
                why = "public addresses: this host's own connections there would go into the lab"
                yield _reach_of_network(lab, network, str(subnet), (key,), why)
        for index, route in enumerate(network.routes):
            if not own.covers(route.to):
                why = "this host's own connections there would go into the lab"
                subject = f"{route.to} via {route.via}"
                yield _reach_of_network(lab, network, subject, ("routes", index), why)


def _opened(lab: LabModel) -> Iterator[HostReach]:
    """The ports of guests that other machines reach by an address of the host."""
    for vm in lab.vms:
        for each in vm.forwards:
            if not each.listens.ip.is_loopback:
                why = "other machines that reach this address of the host reach the guest"
                subject = f"{each.listens}/{each.protocol} to {vm.name}:{each.guest}"
                yield _reach(lab, vm, Deed.OPENS, subject, ("forwards", each.entry), why)


def _asked(url: str) -> str:
    """The address that a URL names; empty for a name, since nobody knows where that leads."""
    try:
        return str(ip_address(urlsplit(url).hostname or ""))
    except ValueError:
        return ""


def _reach(  # noqa: PLR0913, PLR0917  # the fields of a reach
    lab: LabModel, vm: Vm, deed: Deed, subject: str, path: tuple[str | int, ...], why: str, content: str = ""
) -> HostReach:
    where = str(lab.where("vms", vm.name, *path) or "")
    return HostReach(deed, subject, _field("vms", vm.base, *path), where, why, content)


def _reach_of_network(
    lab: LabModel, network: Network, subject: str, path: tuple[str | int, ...], why: str
) -> HostReach:
    full = ("networks", network.name, *path)
    return HostReach(Deed.OPENS, subject, _field(*full), str(lab.where(*full) or ""), why)


def _field(*path: str | int) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
