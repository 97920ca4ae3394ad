"""What a lab is made from, beside the Labfile and its specs: files of this machine, and the host."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from labctl.core.spec import of_kind
from labctl.core.version import VERSION
from labctl.engine import provision, warm_key
from labctl.engine.compose import compose
from labctl.host.files.content import content_digest
from labctl.host.libvirt import domain_capabilities
from labctl.kinds import addresses
from labctl.kinds.seed.spec import SeedSpec
from labctl.kinds.snapshot import machines
from labctl.kinds.snapshot.versions import versions
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labctl.app.session import Session
    from labctl.core.address import Address
    from labctl.engine.allocation import Allocation
    from labctl.engine.compose import Site
    from labctl.host.host import Host
    from labctl.labfile.model import LabModel


def parts(
    session: Session,
    filled: LabModel,
    allocation: Allocation,
    sites: Callable[[Address], Site],
    secret: bytes,
) -> warm_key.Parts:
    """The digests of all that goes into the lab, made with `secret`. `filled` has its references filled in.

    Raises:
        LabctlError: a file that goes into the lab can't be read.
    """
    from labctl.kinds.seed import render as seed_files  # few labs are warm

    allocation = warm_key.given(allocation)
    specs = compose(filled, allocation, lambda address: warm_key.counted(sites(address), secret))
    nobody = seed_files.HostKey("", "")
    copied = {path: content_digest(path) for path in provision.copied_files(session.lab, once=True)}
    vms = list(of_kind(specs.values(), VmSpec))
    others = {
        "user": os.getuid(),  # nobody is given the memory of another user's lab
        "files": [copied, sites(addresses.pool(session.lab.name)).plays],
        "host": [
            of_host(host, [vm for vm in vms if session.hosts.of(vm.address) is host])
            for host in session.hosts
        ],
        "labctl": [VERSION, *definitions(vms)],
        "seeds": [seed_files.files(each, "", nobody) for each in of_kind(specs.values(), SeedSpec)],
    }
    return warm_key.parts(session.loaded.lab, allocation, specs, others, secret)


def definitions(vms: list[VmSpec]) -> list[str]:
    """What labctl makes of the VMs for libvirt, before the Labfile's edits: an other labctl may make other hardware."""
    return [ET.tostring(vm.with_targets({}).rendered(), encoding="unicode") for vm in vms]


def of_host(host: Host, vms: list[VmSpec]) -> list[Any]:
    """What these VMs have of a host: libvirt, QEMU, its CPU and, as far as libvirt names its files, their firmware.

    The versions that libvirt tells stay where a distribution mends a package, so the files count by size and time.
    """
    used = {(vm.arch or "x86_64", vm.machine, vm.accel, vm.firmware == "uefi") for vm in vms}
    files = {path for each in used for path in _files(host, *each)}
    stamps = {path: _stamp(path) if host.local else () for path in files}
    return [versions(host.virt), machines.cpu_of_host(host.virt.getCapabilities()), stamps]


def _files(host: Host, arch: str, machine: str | None, accel: str, uefi: bool) -> Iterator[str]:  # noqa: FBT001  # of a tuple
    """The emulator of such VMs, and the UEFIs of which libvirt chooses one."""
    can = domain_capabilities.look(host.virt, arch, machine, accel)
    yield from filter(None, [can.emulator])
    if uefi:
        yield from can.loaders or ()


def _stamp(path: str) -> tuple[int, int]:
    """The bytes of a file and when it was written, in nanoseconds; zeros where it is not there."""
    with suppress(OSError):
        found = Path(path).stat()
        return found.st_size, found.st_mtime_ns
    return 0, 0
