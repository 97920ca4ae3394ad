"""What exists: one pass over libvirt, read into the same specs that the Labfile becomes.

It costs a few listings a kind and one XML dump an object; what runs is dumped a second time as it runs.
Others work on the same host: what goes after it was listed is not there (`host.libvirt.dumps`).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import libvirt

from labctl.core import identity
from labctl.core.address import Address
from labctl.core.lifecycle import ACTIVE
from labctl.core.record import field, record, replace
from labctl.core.spec import YES
from labctl.engine import chains, reading
from labctl.engine import stored as shelf
from labctl.engine.ownership import own
from labctl.engine.stored import Stored
from labctl.host.libvirt import pools, volumes
from labctl.host.libvirt.connection import translated
from labctl.host.libvirt.domain_state import listed_state
from labctl.host.libvirt.dumps import described, dumps
from labctl.host.machine import bridges
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.image.spec import POOL as STORE
from labctl.kinds.network import look as networks
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.pool.spec import PoolSpec
from labctl.kinds.seed.spec import SeedSpec, network_digest
from labctl.kinds.vm.ports import Ports
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from labctl.core.spec import Spec
    from labctl.engine.reading import Foreign
    from labctl.host.libvirt.connection import Connection

T = TypeVar("T")


@record
class Observed:
    """All of the lab that exists, and what else is there that it could collide with.

    `live` holds running VMs as they run where that differs from how they are defined. `files` are the Labfiles that
    objects of this lab name as theirs. `store` is the folder of the images' pool, None where there is no such pool.
    `stored` is what the lab's pool holds, its strangers included.
    """

    specs: Mapping[Address, Spec] = field(default_factory=dict)
    live: Mapping[Address, VmSpec] = field(default_factory=dict)
    foreign: tuple[Foreign, ...] = ()
    files: frozenset[str] = frozenset()
    store: str | None = None
    stored: Stored = field(default_factory=Stored)

    @property
    def applied(self) -> dict[Address, str]:
        return {a: s.applied for a, s in self.specs.items() if isinstance(s, VmSpec | NetworkSpec)}


def observe(connection: Connection, lab: str, named: Collection[str] = ()) -> Observed:
    """Read everything of the lab, and the rest of the host as far as it matters.

    `named` are the volumes of the disks that the Labfile names; so are those that its VMs have.
    """
    with translated(connection.uri):
        return _Look(connection, lab).observed(named)


class _Look:
    """One pass over libvirt."""

    def __init__(self, connection: Connection, lab: str) -> None:
        self._virt = connection.virt
        self._local, self._visible = connection.local, bridges.visible(connection)
        self._lab = lab
        self._foreign: list[Foreign] = []
        self._handles: dict[Address, Any] = {}  # the virDomains of the lab
        self._refreshed = False  # whether libvirt knows of overlays that QEMU made in the lab's pool
        self._pools = {each.name(): each for each in self._virt.listAllStoragePools()}

    def observed(self, named: Collection[str]) -> Observed:
        vms, live = self._vms()
        ours: list[VmSpec | NetworkSpec] = [*vms, *self._networks()]
        specs: dict[Address, Spec] = {each.address: each for each in ours}
        files = frozenset(each.file for each in ours if each.file)
        store = self._looked(STORE, pools.path)
        stored = Stored()
        if there := self._looked(identity.pool_name(self._lab), self._contents):
            pool, every = there
            above = shelf.above([*vms, *live], pool.path)
            stored = shelf.sort(every, {*named, *shelf.had([*vms, *live])}, store, above)
            sizes = {each.path: each.capacity for each in every}
            for name, facts in stored.disks.items():
                disk = replace(shelf.disk(facts, self._lab, name), above=above.get(name, ()))
                specs[disk.address] = self._as_large(disk, sizes) if disk.above else disk
            owners = {vm.name: vm for vm in vms}
            seeds = [_seed(self._lab, owner, owners.get(owner)) for owner in stored.seeds]
            specs |= {each.address: each for each in (replace(pool, own=stored.beside), *seeds)}
        running = {each.address: each for each in live}
        return Observed(specs, running, tuple(self._foreign), files, store, stored)

    def _as_large(self, disk: DiskSpec, sizes: Mapping[str, int]) -> DiskSpec:
        """The disk with the size of the overlay that its VM writes to."""
        size = sizes.get(disk.top)
        if size is None:  # in no pool, or in ours and libvirt did not notice yet
            own = self._handles.get(disk.owner) if disk.owner else None
            for domain in (own, *self._handles.values()) if own else self._handles.values():
                with suppress(libvirt.libvirtError):  # it is not this one's
                    size = domain.blockInfo(disk.top)[0]
                    break
        return replace(disk, size=size or disk.size)

    def _vms(self) -> tuple[list[VmSpec], list[VmSpec]]:
        """As they are defined; those that run also as they run."""
        virt = self._virt
        stats = virt.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE, 0)
        autostarting = _uuids(virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART))
        snapshotted = _uuids(virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT))
        transient = _uuids(virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT))
        texts = dumps([each for each, _ in stats], libvirt.VIR_DOMAIN_XML_INACTIVE)
        there = [(*each, text) for each, text in zip(stats, texts, strict=True) if text is not None]
        vms, running = [], []
        for domain, facts, text in there:
            foreign, seen = reading.domain(text)
            state = listed_state(facts.get("state.state", 0))
            spec = own(self._lab, VmSpec, text, (foreign, seen))
            if spec is None:
                self._foreign.append(foreign if state in ACTIVE else replace(foreign, memory=0))
                continue
            vm = replace(
                spec,
                state=state,
                autostart=foreign.uuid in autostarting,
                undefined=YES if foreign.uuid in transient else "",
                ready=False,
            )
            made = chains.snapshots(domain) if foreign.uuid in snapshotted else []
            vm = replace(chains.completed(vm, self._ground(made)), snapshots=chains.kinds(made))
            vms.append(vm)
            self._handles[vm.address] = domain
            if state in ACTIVE:
                running.append((domain, vm))
        return vms, self._live(running)

    def _ground(self, snapshots: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
        """A function that gives the layers below a path, by these snapshots, else by the volume at that path."""
        made = chains.grounds(snapshots)

        def ground(path: str) -> tuple[str, ...]:
            return made.get(path) or self._backing(path)

        return ground

    def _backing(self, path: str) -> tuple[str, ...]:
        """A volume's backing file. The lab's pool is refreshed first: libvirt does not notice overlays of QEMU's."""
        name = identity.pool_name(self._lab)
        try:
            if f"/{name}/" in path and not self._refreshed:
                self._looked(name, lambda pool: pools.refresh(pools.started(pool)))
                self._refreshed = True
            below = volumes.read(self._virt.storageVolLookupByPath(path).XMLDesc()).backing
        except libvirt.libvirtError:
            return ()  # it is in no pool
        return (below,) if below else ()

    def _live(self, running: Sequence[tuple[Any, VmSpec]]) -> list[VmSpec]:
        ports = Ports(self._virt)
        texts = dumps([domain for domain, _ in running])
        seen = [
            (spec, own(self._lab, VmSpec, text, reading.domain(text)))
            for (_, spec), text in zip(running, texts, strict=True)
            if text is not None
        ]
        return [
            replace(ports.checked(live), state=defined.state, autostart=defined.autostart)
            for defined, live in seen
            if live is not None
        ]

    def _networks(self) -> list[NetworkSpec]:
        virt = self._virt
        listed = virt.listAllNetworks()
        active = _uuids(virt.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_ACTIVE))
        autostarting = _uuids(virt.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_AUTOSTART))
        transient = _uuids(virt.listAllNetworks(libvirt.VIR_CONNECT_LIST_NETWORKS_TRANSIENT))
        texts = described(listed, networks.definition)
        ours = []
        for network, text in zip(listed, texts, strict=True):
            if text is None:
                continue
            foreign, seen = reading.network(text)
            spec, uuid = own(self._lab, NetworkSpec, text, (foreign, seen)), foreign.uuid
            if spec is None:
                self._foreign.append(replace(foreign, active=uuid in active))
                continue
            spec = replace(spec, active=uuid in active, autostart=uuid in autostarting)
            ours.append((network, replace(spec, undefined=YES if uuid in transient else "")))
        return self._as_they_run(ours)

    def _as_they_run(self, ours: Sequence[tuple[Any, NetworkSpec]]) -> list[NetworkSpec]:
        """The networks, those that are active as they run; what went meanwhile is not among them."""
        texts = iter(dumps([network for network, spec in ours if spec.active]))
        found = []
        for _, spec in ours:
            text = next(texts) if spec.active else ""
            if text is not None:
                found.append(self._checked(networks.running(spec, self._network(text))) if text else spec)
        return found

    def _checked(self, network: NetworkSpec) -> NetworkSpec:
        """Note whether the bridge and the dnsmasq of a running network are still there."""
        if not (self._visible and network.active):
            return network
        bridge = "" if network.attached else network.bridge
        gone = bridges.lost(network.libvirt_name, bridge, served=network.served)
        return replace(
            network, unlinked=YES if gone == "bridge" else "", unserved=YES if gone == "dnsmasq" else ""
        )

    def _network(self, text: str) -> NetworkSpec | None:
        return own(self._lab, NetworkSpec, text, reading.network(text))

    def _contents(self, pool: Any) -> tuple[PoolSpec, list[volumes.Facts]]:
        active = bool(pool.isActive())
        pools.started(pool)  # with a new folder where that is gone: to see what is in it
        folder = pools.path(pool)
        if self._local:
            pools.renewed(pool, folder)
        spec = PoolSpec(self._lab, folder, active, "" if pool.isPersistent() else YES)
        return spec, volumes.facts(pool)

    def _looked(self, name: str, describe: Callable[[Any], T]) -> T | None:
        """What `describe` gives of a pool; None where there is none of that name, or no longer."""
        pool = self._pools.get(name)
        return None if pool is None else described([pool], describe)[0]


def _uuids(objects: Iterable[Any]) -> frozenset[str]:
    """The UUIDs of domains or networks."""
    return frozenset(each.UUIDString() for each in objects)


def _seed(lab: str, owner: str, vm: VmSpec | None) -> SeedSpec:
    """What the VM's metadata says of its seed: what its guest knows, or will know when it boots."""
    if vm is None:
        return SeedSpec(lab, owner, "")
    return SeedSpec(lab, owner, vm.seed, network=network_digest((nic.mac, nic.guest) for nic in vm.nics))


def merge(observed: Observed, desired: Mapping[Address, Spec]) -> dict[Address, Spec]:
    """Choose for each running VM what to compare: how it is defined, and where that is right, how it runs.

    So a change that someone made only to the running domain, or only to its definition, shows either way.
    """
    merged = dict(observed.specs)
    for address, live in observed.live.items():
        defined, wanted = merged[address], desired.get(address)
        if not isinstance(defined, VmSpec):
            continue
        seen = replace(defined, ready=live.ready, unmarked=defined.unmarked or live.unmarked)
        for name in ("disks", "nics", "memory", "max_memory", "cpus"):
            if not isinstance(wanted, VmSpec) or _same(getattr(defined, name), getattr(wanted, name)):
                seen = replace(seen, **{name: _as_it_runs(name, live, defined)})
        merged[address] = seen
    for address, spec in merged.items():
        if address in desired:
            merged[address] = _known(spec, desired[address], observed.specs)
    return merged


def onward(observed: Observed, desired: Mapping[Address, Spec]) -> dict[Address, Spec]:
    """What is wanted, with the disks of running VMs where these have them."""
    placed = dict(desired)
    for address, live in observed.live.items():
        wanted = placed.get(address)
        if isinstance(wanted, VmSpec):
            placed[address] = wanted.onward(live)
    return placed


def _known(spec: Spec, wanted: Spec, defined: Mapping[Address, Spec]) -> Spec:
    """The spec, with what libvirt does not know of it, or no longer, taken from the wanted one."""
    if isinstance(spec, DiskSpec) and isinstance(wanted, DiskSpec):
        return replace(spec, image=wanted.image)
    if isinstance(spec, VmSpec) and isinstance(wanted, VmSpec) and _unmarked(defined[spec.address]):
        return spec.remarked(wanted)
    if isinstance(spec, NetworkSpec) and isinstance(wanted, NetworkSpec) and spec.unmarked:
        return spec.remarked(wanted)
    if isinstance(spec, SeedSpec) and isinstance(wanted, SeedSpec):
        known = not _unmarked(defined.get(Address("vm", spec.vm)))  # the mark holds its digests
        return spec if known else replace(spec, cloud_init=wanted.cloud_init, network=wanted.network)
    return spec


def _unmarked(vm: Spec | None) -> bool:
    return isinstance(vm, VmSpec) and bool(vm.unmarked)


def _same(one: object, other: object) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return {repr(_bare(each)) for each in one} == {repr(_bare(each)) for each in other}
    return one == other


def _bare(item: Any) -> Any:  # a DiskUse or NicUse
    return (
        replace(item, target="", below=(), volume=()) if hasattr(item, "target") else replace(item, guest=())
    )


def _as_it_runs(name: str, live: VmSpec, defined: VmSpec) -> Any:
    """A field of the running domain, without what is no change of anybody's."""
    if name == "memory" and live.memory == live.max_memory:
        return defined.memory  # a balloon follows when the guest gets to it, or never
    if name == "nics":  # what a guest was told is noted in the definition
        told = {nic.name: nic.guest for nic in defined.nics}
        return tuple(replace(nic, guest=told.get(nic.name, ())) for nic in live.nics)
    return getattr(live, name)
