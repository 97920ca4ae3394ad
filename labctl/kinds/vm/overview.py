"""What `status` and `list` show of a VM, read from its domain's XML, which does not have the state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.identity import VOLUMES, is_layer, pool_name
from labctl.core.ip import by_family
from labctl.core.lifecycle import State
from labctl.core.record import field, record, replace
from labctl.kinds.vm import xml
from labctl.kinds.vm.devices import disk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labctl.core.ip import IpAddress
    from labctl.core.records import Records
    from labctl.core.xmltree import Element
    from labctl.kinds.vm.disks_and_nics import NicUse
    from labctl.kinds.vm.spec import VmSpec


@record(frozen=False)
class NicOverview:
    """A NIC. `network` is the Labfile's name of its network, or libvirt's for a network outside the lab.

    `reports` says that only the guest knows the NIC's addresses.
    """

    network: str
    mac: str
    ips: tuple[IpAddress, ...] = ()  # the first of each family, IPv4 before IPv6
    link: str = "up"  # or down
    reports: bool = False


@record(frozen=False)
class VmOverview:
    """A VM. `memory` is in bytes; `problem` says why the VM did not become ready.

    `moved` has the name and the path of each disk that is no longer the volume which labctl made, as after a snapshot;
    `snapshots` has the names of the snapshots.
    """

    name: str
    lab: str
    base: str
    file: str
    user: str
    ready: bool  # whether labctl saw it ready since it started
    awaited: bool  # whether the VM has a seed or a condition that tells when it is ready
    cpus: int
    memory: int
    disks: tuple[str, ...]
    nics: tuple[NicOverview, ...]
    libvirt_name: str
    seeded: bool  # whether cloud-init gave it labctl's login
    moved: tuple[tuple[str, str], ...] = ()
    state: State = State.OFF
    problem: str = ""
    snapshots: tuple[str, ...] = ()
    boots: tuple[str, ...] = ()  # the paths of its kernel and initrd
    host: str = ""  # the URI of the libvirt host that it is on
    records: Mapping[str, Records] = field(default_factory=dict)  # of other kinds
    folders: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # target → what its record has
    id: int = 0  # libvirt's for this start of it; 0 while it is off
    unmarked: bool = False  # whether labctl's mark was removed, and with it what nothing else tells


def read_vm(root: Element, unmarked: tuple[str, str] | None = None) -> VmOverview | None:
    """Read a domain's XML; None if labctl did not make the domain.

    `unmarked` are the lab and the name of a domain that labctl made, but whose metadata someone may have removed.
    """
    spec = xml.read(root) or (xml.adopt(root, *unmarked) if unmarked else None)
    if spec is None:
        return None
    return replace(
        of_spec(spec),
        libvirt_name=root.findtext("name") or "",
        moved=tuple(_moved(root, spec)),
        id=int(root.get("id") or 0),
    )


def of_spec(spec: VmSpec) -> VmOverview:
    """What its spec says of a VM."""
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
        libvirt_name=spec.libvirt_name,
        problem=spec.problem or _failed_step(spec),
        seeded=spec.scripted,
        boots=tuple(filter(None, (spec.kernel, spec.initrd))),
        records=spec.records,
        folders=spec.records.get("folder", {}),
        unmarked=bool(spec.unmarked),
    )


def _failed_step(spec: VmSpec) -> str:
    """Which provisioning step failed, of a VM that is not ready."""
    failed = (each["failed"] for each in spec.records.get("provision", {}).values() if "failed" in each)
    step = "" if spec.ready else next(failed, "")
    return step and f"{step} failed: `labctl up` tells why, and goes on"


def _nic(nic: NicUse) -> NicOverview:
    reports = nic.guest.dhcp4
    ips = by_family(nic.seen if reports else (each.ip for each in nic.guest.addresses))
    return NicOverview(nic.ours or nic.network, nic.mac, ips, nic.link, reports)


def _moved(root: Element, spec: VmSpec) -> Iterator[tuple[str, str]]:
    """The name and the path of each of the lab's disks that is no longer its volume in the lab's pool."""
    for element, use in zip(disk.DISK.elements(root), spec.disks, strict=True):
        folder, _, volume = use.source.rpartition("/")
        own = volume == f"{spec.name}.{use.name}" or volume.startswith(f"{VOLUMES}.") or is_layer(volume)
        if disk.is_ours(element) and not (own and folder.endswith(f"/{pool_name(spec.lab)}")):
            yield use.name, use.source
