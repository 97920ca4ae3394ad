"""What people want to see of a VM, as its domain tells it; whether that runs stands elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.identity import VOLUMES, pool_name
from labctl.core.ip import by_family
from labctl.core.lifecycle import State
from labctl.core.record import record
from labctl.kinds.vm import xml
from labctl.kinds.vm.devices import disk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.core.ip import IpAddress
    from labctl.core.xmltree import Element
    from labctl.kinds.vm.spec import VmSpec
    from labctl.kinds.vm.uses import NicUse


@record(frozen=False)
class NicOverview:
    """A NIC; `network` is the lab's own name for it, or libvirt's where it is none of the lab's.

    `reports` says that only its guest knows its addresses.
    """

    network: str
    mac: str
    ips: tuple[IpAddress, ...] = ()  # of each family the first, IPv4 before IPv6
    link: str = "up"  # or down
    reports: bool = False


@record(frozen=False)
class VmOverview:
    """A domain. `memory` is in bytes, `problem` why it can't go on.

    `moved` are the disks that lie elsewhere than labctl made them, with their paths, as after someone's snapshot;
    `snapshots` the names of those.
    """

    name: str
    lab: str
    base: str
    file: str
    user: str
    ready: bool  # as it was when it last told; nothing is that does not run
    awaited: bool  # whether anything tells that it is ready
    cpus: int
    memory: int
    disks: tuple[str, ...]
    nics: tuple[NicOverview, ...]
    libvirt_name: str
    seeded: bool  # whether cloud-init brought labctl's login into it
    moved: tuple[tuple[str, str], ...] = ()
    state: State = State.OFF
    problem: str = ""
    snapshots: tuple[str, ...] = ()
    boots: tuple[str, ...] = ()  # the paths of its kernel and initrd
    host: str = ""  # the URI of the libvirt host that it is on
    unmarked: bool = False  # whether labctl's mark was removed, and with it what nothing else tells


def read_vm(root: Element, unmarked: tuple[str, str] | None = None) -> VmOverview | None:
    """Read a domain; None of one that labctl did not make.

    `unmarked` are the lab and the name of one that is labctl's although nothing in it says so any more.
    """
    spec = xml.read(root) or (xml.adopt(root, *unmarked) if unmarked else None)
    if spec is None:
        return None
    return VmOverview(
        name=spec.name,
        lab=spec.lab,
        base=spec.base,
        file=spec.file,
        user=spec.user,
        ready=bool(spec.ready),
        awaited=spec.awaited,
        cpus=spec.cpus,
        memory=spec.memory,
        disks=tuple(use.name for use in spec.disks if use.name != "seed"),
        nics=tuple(map(_nic, spec.nics)),
        libvirt_name=root.findtext("name") or "",
        moved=tuple(_moved(root, spec)),
        problem=spec.problem,
        seeded=spec.scripted,
        boots=tuple(filter(None, (spec.kernel, spec.initrd))),
        unmarked=bool(spec.unmarked),
    )


def _nic(nic: NicUse) -> NicOverview:
    reports = nic.guest.dhcp4
    ips = by_family(nic.seen if reports else (each.ip for each in nic.guest.addresses))
    return NicOverview(nic.ours or nic.network, nic.mac, ips, nic.link, reports)


def _moved(root: Element, spec: VmSpec) -> Iterator[tuple[str, str]]:
    """The lab's disks that are not in their own volumes, of which its pool's folder has the name."""
    for element, use in zip(disk.DISK.elements(root), spec.disks, strict=True):
        folder, _, volume = use.source.rpartition("/")
        own = volume == f"{spec.name}.{use.name}" or volume.startswith(f"{VOLUMES}.")
        if disk.is_ours(element) and not (own and folder.endswith(f"/{pool_name(spec.lab)}")):
            yield use.name, use.source
