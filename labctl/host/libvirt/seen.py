"""What people want to see of a VM and of a network, as libvirt's XML tells it; whether they run stands elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from labctl.core.identity import VOLUMES, pool_name
from labctl.core.ip import by_family, read_addresses
from labctl.core.lifecycle import State
from labctl.core.record import field, record
from labctl.core.xmltree import attribute, layers, own_metadata
from labctl.guest.nic_metadata import NicMetadata, read_nics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from labctl.core.ip import IpAddress


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


@record(frozen=False)
class NetworkOverview:
    """A network; `host` holds the host's own addresses on it, `leases` what each MAC is given.

    `served` says whether libvirt runs dnsmasq for it, `problem` what someone did to it.
    """

    name: str
    lab: str
    file: str
    mode: str
    subnets: tuple[str, ...]
    host: tuple[str, ...]
    leases: dict[str, IpAddress] = field(default_factory=dict)
    active: bool = False
    bridge: str = ""  # where libvirt made one
    served: bool = False
    problem: str = ""


def read(text: str) -> VmOverview | NetworkOverview | None:
    """Read what labctl made; None of anything else."""
    root = ET.fromstring(text)
    kind, made = ("network", _network) if root.tag == "network" else ("vm", _vm)
    own = own_metadata(root, kind)
    return None if own is None else made(root, own)


def _vm(root: Element, own: Element) -> VmOverview:
    lab, name = own.get("lab", ""), own.get("address", "").partition("/")[2]
    return VmOverview(
        name=name,
        lab=lab,
        base=own.get("base", ""),
        file=own.get("file", ""),
        user=own.get("user", ""),
        ready=own.get("ready") == "yes",
        awaited=own.get("awaited") != "no",
        cpus=int(root.findtext("vcpu") or 1),
        memory=int(root.findtext("currentMemory") or root.findtext("memory") or 0) << 10,
        disks=tuple(_names(root, "disk")),
        nics=tuple(_nics(root, own, lab)),
        libvirt_name=root.findtext("name") or "",
        moved=tuple(_moved(root, lab, name)),
        problem=own.get("problem", ""),
        seeded=any(each.get("name") == "ua-disk-seed" for each in root.iterfind("devices/disk/alias")),
    )


def _moved(root: Element, lab: str, vm: str) -> Iterator[tuple[str, str]]:
    """The lab's disks that are not in their own volumes, of which its pool's folder has the name."""
    for element in root.iterfind("devices/disk"):
        label = attribute(element, "alias", "name")
        name = label.removeprefix("ua-disk-")
        path = next(iter(layers(element)), "")
        folder, _, volume = path.rpartition("/")
        own = volume == f"{vm}.{name}" or volume.startswith(f"{VOLUMES}.")
        if name != label and not (own and folder.endswith(f"/{pool_name(lab)}")):
            yield name, path


def _names(root: Element, kind: str) -> Iterator[str]:
    """The lab's names of devices, without the seed, which nobody asked for."""
    for element in root.iterfind(f"devices/{kind}"):
        alias = element.find("alias")
        name = "" if alias is None else alias.get("name", "")
        if name != f"ua-{kind}-seed":
            yield name.removeprefix(f"ua-{kind}-")


def _nics(root: Element, own: Element, lab: str) -> Iterator[NicOverview]:
    metadata = read_nics(own)
    names = list(_names(root, "interface"))
    for element, alias in zip(root.iterfind("devices/interface"), names, strict=True):
        source, mac = element.find("source"), element.find("mac")
        network = "" if source is None else source.get("network") or source.get("bridge") or ""
        noted = metadata.get(alias.removeprefix("ua-nic-"), NicMetadata())
        reports = noted.told.dhcp4
        ips = by_family(noted.seen if reports else (each.ip for each in noted.told.addresses))
        address = "" if mac is None else mac.get("address", "").lower()
        yield NicOverview(network.removeprefix(f"{lab}."), address, ips, _link(element), reports)


def _link(interface: Element) -> str:
    link = interface.find("link")
    return "up" if link is None else link.get("state", "up")


def _network(root: Element, own: Element) -> NetworkOverview:
    hosts = [each.get("address", "") for each in root.iterfind("ip")]
    leases = {
        (each.get("mac") or "").lower(): address
        for each in root.iterfind("ip/dhcp/host")
        for address in read_addresses([each.get("ip", "")])
    }
    forward, bridge, dns = root.find("forward"), root.find("bridge"), root.find("dns")
    ours = forward is None or forward.get("mode") != "bridge"
    names = dns is None or dns.get("enable") != "no"
    mode = "isolated" if forward is None else forward.get("mode", "nat")
    return NetworkOverview(
        name=own.get("address", "").partition("/")[2],
        lab=own.get("lab", ""),
        file=own.get("file", ""),
        mode="macvtap" if own.get("mode") == "macvtap" else mode,
        subnets=tuple(filter(None, (own.get("subnet4"), own.get("subnet6")))),
        host=tuple(hosts),
        leases=leases,
        bridge=bridge.get("name", "") if ours and bridge is not None else "",
        served=bool(hosts) and (names or root.find("ip/dhcp/*") is not None),
    )
