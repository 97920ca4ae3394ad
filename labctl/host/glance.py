"""A quick look at what labctl made on this host: domains and networks with labctl's metadata, in a few calls.

`engine.observe` reads specs to plan with; this reads what people want to see, of one lab or of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core.identity import is_marked
from labctl.core.record import record
from labctl.host import kept
from labctl.host.connection import translated
from labctl.host.dumps import dumps
from labctl.host.readings import Readings
from labctl.host.seen import SeenNetwork, SeenNic, SeenVm, read
from labctl.host.state import state_name

if TYPE_CHECKING:
    from labctl.host.connection import Connection


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
        vms, networks = _look(connection, lab)
    leases = {(net.lab, net.name): net.leases for net in networks}
    for vm in vms:
        for nic in vm.nics:
            nic.ip = nic.ip or leases.get((vm.lab, nic.network), {}).get(nic.mac, "")
    return Seen(vms, networks)


def _look(connection: Connection, lab: str | None) -> tuple[list[SeenVm], list[SeenNetwork]]:
    domains = connection.virt.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE, 0)
    having = connection.virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT)
    snapshots = {each.name(): each for each in having}
    networks = connection.virt.listAllNetworks()
    active = {n.name() for n in connection.virt.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE)}
    texts = dumps([*(domain for domain, _ in domains), *networks])
    with Readings(
        kept.entry("seen", connection.uri), (SeenVm, SeenNic, SeenNetwork), ("core", "host")
    ) as readings:
        # what went meanwhile has no text, and of what is others' nothing is kept
        seen = readings.of(read, [text or "" for text in texts], kept=is_marked)
    found: tuple[list[SeenVm], list[SeenNetwork]] = [], []
    for each, (_, facts) in zip(seen, domains, strict=False):
        if isinstance(each, SeenVm) and lab in (None, each.lab):
            _set_state(each, facts)
            if each.libvirt_name in snapshots:
                each.snapshots = tuple(sorted(snapshots[each.libvirt_name].snapshotListNames()))
            found[0].append(each)
    for each, network in zip(seen[len(domains) :], networks, strict=True):
        if isinstance(each, SeenNetwork) and lab in (None, each.lab):
            each.active = network.name() in active
            found[1].append(each)
    return found


def _set_state(vm: SeenVm, facts: dict[str, Any]) -> None:
    vm.state = state_name(facts.get("state.state", 0))
    vm.ready = vm.ready and vm.state == "running"
    vm.problem = _problem(vm.state, facts.get("state.reason", 0))


def _problem(state: str, reason: int) -> str:
    if state == "paused" and reason == libvirt.VIR_DOMAIN_PAUSED_IOERROR:
        return (
            "paused by an I/O error, most often because the disk that holds its pool is full: "
            "free some space, then `labctl resume`"
        )
    if state == "crashed":
        return "its guest crashed: `labctl logs` shows its last words, `labctl reload` restarts it"
    return ""


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
