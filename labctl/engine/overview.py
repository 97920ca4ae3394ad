"""Reads an overview of the labs on a host, for people: domains and networks with labctl's mark, in a few calls.

`engine.observe` reads everything that a plan needs; this reads what people want to see, of one lab or of all labs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core.address import natural_sort_key
from labctl.core.identity import STORE, libvirt_name, object_uuid, pool_name
from labctl.core.ip import by_family
from labctl.core.lifecycle import ACTIVE, State
from labctl.core.marked import unmarked_name
from labctl.core.record import field, record
from labctl.host.libvirt import backing, pools, volumes
from labctl.host.libvirt.connection import translated
from labctl.host.libvirt.domain_state import listed_state, saved_domains
from labctl.host.libvirt.dumps import described, dumps
from labctl.host.machine import bridges
from labctl.kinds.image.overview import ImageOverview
from labctl.kinds.image.store import ImageStore
from labctl.kinds.network.overview import read_network
from labctl.kinds.vm.overview import read_vm

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from labctl.host.host import Host
    from labctl.kinds.network.overview import NetworkOverview
    from labctl.kinds.vm.overview import VmOverview


@record(frozen=False)
class Overview:
    """The VMs and networks of labs.

    `strangers` are the names of domains without labctl's mark, by their UUIDs. `images` are those whose files have
    changed since they were verified.
    """

    vms: list[VmOverview]
    networks: list[NetworkOverview]
    strangers: dict[str, str] = field(default_factory=dict)
    images: list[ImageOverview] = field(default_factory=list)


def look(
    hosts: Iterable[Host], lab: str | None = None, *, ask: bool = False, thorough: bool = False
) -> Overview:
    """Look at one lab, or at all labs of these hosts.

    Args:
        hosts: where to look.
        lab: the lab; None for all.
        ask: ask guests for addresses that only they know.
        thorough: tell also what is this lab's although labctl's mark on it was removed, and what looks wrong with the
            images that its VMs stand on.

    Raises:
        LabctlError: libvirt does not answer.
    """
    seen = Overview([], [])
    for host in hosts:
        here = _look(host, lab, ask=ask, thorough=thorough)
        seen.vms += here.vms
        seen.networks += here.networks
        seen.strangers |= here.strangers
        seen.images += here.images
    return seen


def _look(host: Host, lab: str | None, *, ask: bool, thorough: bool) -> Overview:
    with translated(host.uri):
        adopting = lab if thorough else None
        vms, strangers = _look_at_vms(host.virt, lab, adopting)
        networks = _look_at_networks(host, lab, adopting)
        images = _look_at_images(host, lab, vms) if lab and thorough else []
    leases = {(net.lab, net.name): net.leases for net in networks}
    for vm in vms:
        vm.host = host.uri
        for nic in vm.nics:
            lease = leases.get((vm.lab, nic.network), {}).get(nic.mac)
            nic.ips = nic.ips or ((lease,) if lease else ())
            if nic.reports and vm.state not in ACTIVE:
                nic.ips = ()  # they were those of its last run
    if ask:
        _ask(host, vms)
    return Overview(vms, networks, strangers, images)


def _ask(host: Host, vms: list[VmOverview]) -> None:
    """Ask running guests for the addresses that labctl did not give."""
    asked = [vm for vm in vms if vm.state == State.RUNNING and any(nic.reports for nic in vm.nics)]
    if not asked:
        return
    from labctl.host.access import report

    told = report.states(host.connection, [vm.libvirt_name for vm in asked])
    for vm in asked:
        for nic in vm.nics if vm.libvirt_name in told else ():
            if nic.reports:
                nic.ips = by_family(told[vm.libvirt_name].addresses_of(nic.mac))


def _look_at_vms(
    virt: libvirt.virConnect, lab: str | None, adopting: str | None
) -> tuple[list[VmOverview], dict[str, str]]:
    domains = virt.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE, 0)
    transient = {each.name() for each in virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT)}
    saved = saved_domains(virt)
    having = virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT)
    listed = described(having, lambda each: tuple(sorted(each.snapshotListNames())))
    snapshots = {each.name(): names or () for each, names in zip(having, listed, strict=True)}
    found, strangers = [], {}
    for (domain, facts), text in zip(domains, dumps([domain for domain, _ in domains]), strict=True):
        each = None if text is None else read_vm(ET.fromstring(text), _unmarked(domain, "vm", adopting))
        if each is None:
            strangers[domain.UUIDString()] = domain.name()
        elif lab in (None, each.lab) and _is_it(domain, "vm", each):
            state = listed_state(domain, facts.get("state.state", 0), saved)
            set_state(each, state, facts.get("state.reason", 0))
            each.snapshots = snapshots.get(each.libvirt_name, ())
            each.problem = each.problem or _changed(domain, each, "domain", transient)
            found.append(each)
    return found, strangers


def _look_at_networks(host: Host, lab: str | None, adopting: str | None) -> list[NetworkOverview]:
    virt = host.virt
    networks = virt.listAllNetworks()
    active = {each.name() for each in virt.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE)}
    undefined = {each.name() for each in virt.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_TRANSIENT)}
    visible = bridges.can_be_checked(host.connection)
    found = []
    for network, text in zip(networks, dumps(networks), strict=True):
        own = _unmarked(network, "network", adopting)
        each = None if text is None else read_network(ET.fromstring(text), own)
        if each is None or lab not in (None, each.lab) or not _is_it(network, "network", each):
            continue
        each.active = network.name() in active
        each.problem = _changed(network, each, "network", undefined)
        if each.active and visible and not each.problem:
            gone = bridges.missing_part(network.name(), each.bridge, served=each.served)
            each.problem = f"its {gone} is gone" if gone else ""
        found.append(each)
    return found


def _look_at_images(host: Host, lab: str, vms: list[VmOverview]) -> list[ImageOverview]:
    """Problems with the images of the lab's disks, and with kernels that its VMs boot.

    Stopped pools are not started: their lab may be about to be destroyed.
    """
    virt = host.virt
    pool = pools.lookup(virt, pool_name(lab))
    disks = volumes.facts(pool) if pool is not None and pool.isActive() else []
    based = [(each.name.partition(".")[0], backing.image_below(virt, each)) for each in disks]
    booted = [(vm.name, path) for vm in vms for path in vm.boots]
    return [
        *_changed_images(host, STORE, [*based, *booted]),
        *_changed_images(host, pool_name(lab), booted),
    ]


def _changed_images(host: Host, pool: str, uses: Iterable[tuple[str, str]]) -> Iterator[ImageOverview]:
    """Give the images of a pool that changed; `uses` are VMs, and the paths that they use."""
    found = pools.lookup(host.virt, pool)
    in_pool = pools.path(found) if found else None
    users: dict[str, set[str]] = {}
    for vm, path in uses:
        folder, _, name = path.rpartition("/")
        if folder == in_pool:
            users.setdefault(name.rpartition(".")[0], set()).add(vm)
    for key, (spec, state) in ImageStore(host, pool).states(users.keys()).items():
        yield ImageOverview(spec.label, state, tuple(sorted(users[key], key=natural_sort_key)))


def _unmarked(thing: Any, kind: str, lab: str | None) -> tuple[str, str] | None:
    """The lab and name of a virDomain or virNetwork that belongs to the lab though its mark was removed; else None."""
    if lab is None:
        return None
    name = unmarked_name(lab, kind, thing.name(), thing.UUIDString())
    return None if name is None else (lab, name)


def _is_it(thing: Any, kind: str, seen: VmOverview | NetworkOverview) -> bool:
    """Whether a virDomain or virNetwork is the object that its mark names, perhaps renamed, and not a copy of it."""
    return bool(
        thing.name() == libvirt_name(seen.lab, seen.name)
        or thing.UUIDString() == object_uuid(seen.lab, kind, seen.name)
    )


def _changed(thing: Any, seen: VmOverview | NetworkOverview, word: str, undefined: Collection[str]) -> str:
    """The problem of a virDomain or virNetwork that was changed outside labctl; empty where there is none."""
    if thing.name() != libvirt_name(seen.lab, seen.name):
        return f"its {word} was renamed to {thing.name()}"
    if seen.unmarked:
        return f"labctl's mark on its {word} {thing.name()} was removed"
    return (
        f"its {word} is not defined any more, so it is gone once it stops"
        if thing.name() in undefined
        else ""
    )


def set_state(vm: VmOverview, state: State, reason: int) -> None:
    """Note the state, and what follows from it: whether the guest is ready, and what is wrong.

    `reason` is libvirt's.
    """
    vm.state = state
    vm.ready = vm.ready and vm.state == State.RUNNING
    noted = vm.problem if vm.state == State.RUNNING and not vm.ready else ""
    vm.problem = _problem(vm.state, reason) or noted


def _problem(state: State, reason: int) -> str:
    if state == State.PAUSED and reason == libvirt.VIR_DOMAIN_PAUSED_IOERROR:
        return (
            "paused by an I/O error, most often because the disk that holds its pool is full: "
            "free some space, then `labctl resume`"
        )
    if state == State.CRASHED:
        return "its guest crashed: `labctl logs` shows its last words, `labctl reload` restarts it"
    return ""
