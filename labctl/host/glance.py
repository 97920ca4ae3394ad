"""A quick look at what labctl made on this host: domains and networks with labctl's metadata, in a few calls.

`engine.observe` reads specs to plan with; this reads what people want to see, of one lab or of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core.identity import XMLNS
from labctl.core.record import field, record
from labctl.host.connection import translated
from labctl.host.dumps import dumps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.host.connection import Connection

STATES = {
    libvirt.VIR_DOMAIN_RUNNING: "running",
    libvirt.VIR_DOMAIN_BLOCKED: "running",
    libvirt.VIR_DOMAIN_SHUTDOWN: "running",
    libvirt.VIR_DOMAIN_PAUSED: "paused",
    libvirt.VIR_DOMAIN_PMSUSPENDED: "paused",
    libvirt.VIR_DOMAIN_CRASHED: "crashed",
}


@record(frozen=False)
class SeenNic:
    """A NIC; `network` is the lab's own name for it, or libvirt's where it is none of the lab's."""

    network: str
    mac: str
    ip: str = ""  # IPv4 where it has both
    ip6: str = ""  # where `ip` is another

    @property
    def ips(self) -> list[str]:
        return [each for each in (self.ip, self.ip6) if each]


@record(frozen=False)
class SeenVm:
    """A domain. `state` is running, paused, off or crashed, `memory` bytes, `problem` why it can't go on."""

    name: str
    lab: str
    base: str
    file: str
    user: str
    state: str
    ready: bool
    cpus: int
    memory: int
    disks: tuple[str, ...]
    nics: tuple[SeenNic, ...]
    libvirt_name: str
    seeded: bool  # whether cloud-init brought labctl's login into it
    problem: str = ""


@record(frozen=False)
class SeenNetwork:
    """A network; `host` holds the host's own addresses on it, `leases` what each MAC is given."""

    name: str
    lab: str
    file: str
    active: bool
    mode: str
    subnets: tuple[str, ...]
    host: tuple[str, ...]
    leases: dict[str, str] = field(default_factory=dict)


@record(frozen=False)
class Seen:
    vms: list[SeenVm]
    networks: list[SeenNetwork]


def look(connection: Connection, lab: str | None = None) -> Seen:
    """Look at one lab, or at all labs of the host.

    Raises:
        LabctlError: libvirt does not answer.
    """
    with translated(connection.uri):
        networks = list(_networks(connection.virt, lab))
        vms = list(_vms(connection.virt, lab))
    leases = {(net.lab, net.name): net.leases for net in networks}
    for vm in vms:
        for nic in vm.nics:
            nic.ip = nic.ip or leases.get((vm.lab, nic.network), {}).get(nic.mac, "")
    return Seen(vms, networks)


def _vms(virt: Any, lab: str | None) -> Iterator[SeenVm]:
    known = virt.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE, 0)
    for text, (_, stats) in zip(dumps([domain for domain, _ in known]), known, strict=True):
        if text and XMLNS in text:
            vm = _vm(ET.fromstring(text), stats)
            if vm and lab in (None, vm.lab):
                yield vm


def _vm(root: ET.Element, stats: dict[str, Any]) -> SeenVm | None:
    own = root.find(f"metadata/{{{XMLNS}}}vm")
    if own is None:
        return None
    lab = own.get("lab", "")
    state = STATES.get(stats.get("state.state", 0), "off")
    return SeenVm(
        name=own.get("address", "").partition("/")[2],
        lab=lab,
        base=own.get("base", ""),
        file=own.get("file", ""),
        user=own.get("user", ""),
        state=state,
        ready=own.get("ready") == "yes" and state == "running",
        cpus=int(root.findtext("vcpu") or 1),
        memory=int(root.findtext("currentMemory") or root.findtext("memory") or 0) << 10,
        disks=tuple(_names(root, "disk")),
        nics=tuple(_nics(root, own, lab)),
        libvirt_name=root.findtext("name") or "",
        seeded=any(each.get("name") == "ua-disk-seed" for each in root.iterfind("devices/disk/alias")),
        problem=_problem(state, stats.get("state.reason", 0)),
    )


def _names(root: ET.Element, kind: str) -> Iterator[str]:
    """The lab's names of devices, without the seed, which nobody asked for."""
    for element in root.iterfind(f"devices/{kind}"):
        alias = element.find("alias")
        name = "" if alias is None else alias.get("name", "")
        if name != f"ua-{kind}-seed":
            yield name.removeprefix(f"ua-{kind}-")


def _nics(root: ET.Element, own: ET.Element, lab: str) -> Iterator[SeenNic]:
    told = {each.get("name", ""): each.get("guest", "") for each in own}
    names = list(_names(root, "interface"))
    for element, alias in zip(root.iterfind("devices/interface"), names, strict=True):
        source, mac = element.find("source"), element.find("mac")
        network = "" if source is None else source.get("network") or source.get("bridge") or ""
        words = [line.split() for line in told.get(alias.removeprefix("ua-nic-"), "").split("; ")]
        given = [line[1].partition("/")[0] for line in words if line[:1] == ["address"]]
        address = "" if mac is None else mac.get("address", "").lower()
        yield SeenNic(network.removeprefix(f"{lab}."), address, *given[:2])


def _problem(state: str, reason: int) -> str:
    if state == "paused" and reason == libvirt.VIR_DOMAIN_PAUSED_IOERROR:
        return (
            "paused by an I/O error, most often because the disk that holds its pool is full: "
            "free some space, then `labctl resume`"
        )
    if state == "crashed":
        return "its guest crashed: `labctl logs` shows its last words, `labctl reload` restarts it"
    return ""


def _networks(virt: Any, lab: str | None) -> Iterator[SeenNetwork]:
    known = virt.listAllNetworks()
    for text, network in zip(dumps(known), known, strict=True):
        if text and XMLNS in text:
            seen = _network(ET.fromstring(text), active=bool(network.isActive()))
            if seen and lab in (None, seen.lab):
                yield seen


def _network(root: ET.Element, *, active: bool) -> SeenNetwork | None:
    own = root.find(f"metadata/{{{XMLNS}}}network")
    if own is None:
        return None
    hosts = [each.get("address", "") for each in root.iterfind("ip")]
    leases = {(each.get("mac") or "").lower(): each.get("ip", "") for each in root.iterfind("ip/dhcp/host")}
    forward = root.find("forward")
    return SeenNetwork(
        name=own.get("address", "").partition("/")[2],
        lab=own.get("lab", ""),
        file=own.get("file", ""),
        active=active,
        mode="isolated" if forward is None else forward.get("mode", "nat"),
        subnets=tuple(filter(None, (own.get("subnet4"), own.get("subnet6")))),
        host=tuple(hosts),
        leases=leases,
    )


def uptime(name: str, uri: str) -> int | None:
    """Seconds since a local domain's QEMU process started; None where this host can't tell."""
    import os
    import time
    from pathlib import Path

    own = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = Path("/run/libvirt/qemu") if uri.endswith("/system") else Path(own) / "libvirt/qemu/run"
    try:
        pid = int((folder / f"{name}.pid").read_text(encoding="ascii"))
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    ticks = int(stat.rpartition(")")[2].split()[19])  # proc(5): starttime
    return max(0, int(time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")))
