"""What exists: one pass over libvirt, read into the same specs that the Labfile becomes.

It costs one listing a kind and one XML dump an object; running domains are dumped a second time as they run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import identity
from labctl.core.address import Address
from labctl.core.record import field, record, replace
from labctl.host import pools, volumes
from labctl.host.connection import translated
from labctl.host.dumps import dumps
from labctl.host.state import state_name
from labctl.kinds.disk import driver as disk_driver
from labctl.kinds.disk.spec import DiskSpec, disk_name
from labctl.kinds.network import driver as network_driver
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.pool.spec import PoolSpec
from labctl.kinds.seed.spec import SeedSpec
from labctl.kinds.vm import xml as vm_xml
from labctl.kinds.vm.ports import Ports
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labctl.core.spec import Spec
    from labctl.host.connection import Connection

_INACTIVE = libvirt.VIR_DOMAIN_XML_INACTIVE


@record
class Foreign:
    """A libvirt object that this lab did not make. `subnets` are CIDRs, `macs` lower case, `memory` bytes in use."""

    kind: str  # "domain" or "network"
    name: str
    uuid: str
    lab: str = ""  # the other lab that made it, if one did
    file: str = ""
    subnets: tuple[str, ...] = ()
    bridge: str = ""
    macs: tuple[str, ...] = ()
    memory: int = 0


@record
class Observed:
    """All of the lab that exists, and what else is there that it could collide with.

    `live` holds running VMs as they run where that differs from how they are defined. `files` are the Labfiles that
    objects of this lab name as theirs.
    """

    specs: Mapping[Address, Spec] = field(default_factory=dict)
    live: Mapping[Address, VmSpec] = field(default_factory=dict)
    foreign: tuple[Foreign, ...] = ()
    files: frozenset[str] = frozenset()

    @property
    def applied(self) -> dict[Address, str]:
        return {a: s.applied for a, s in self.specs.items() if isinstance(s, VmSpec | NetworkSpec)}


def observe(connection: Connection, lab: str) -> Observed:
    """Read everything of the lab, and the rest of the host as far as it matters."""
    with translated(connection.uri):
        domains = list(_domains(connection.virt, lab))
        networks = list(_networks(connection.virt, lab))
        specs: dict[Address, Spec] = {}
        live: dict[Address, VmSpec] = {}
        for each in (*domains, *networks):
            if isinstance(each, tuple):
                defined, running = each
                specs[defined.address] = defined
                if running is not None:
                    live[defined.address] = running
            elif isinstance(each, NetworkSpec):
                specs[each.address] = each
        specs |= {spec.address: spec for spec in _volumes(connection.virt, lab, specs)}
    foreign = tuple(each for each in (*domains, *networks) if isinstance(each, Foreign))
    files = frozenset(s.file for s in specs.values() if isinstance(s, VmSpec | NetworkSpec) and s.file)
    return Observed(specs, live, foreign, files)


def _domains(virt: Any, lab: str) -> Iterator[tuple[VmSpec, VmSpec | None] | Foreign]:
    states = {
        domain.UUIDString(): stats.get("state.state", 0)
        for domain, stats in virt.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE, 0)
    }
    autostarting = {
        each.UUIDString() for each in virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART)
    }
    ports = Ports(virt)
    domains = virt.listAllDomains()
    for domain, text in zip(domains, dumps(domains, _INACTIVE), strict=True):
        if text is None:
            continue  # it went while we looked
        root = ET.fromstring(text)
        uuid = root.findtext("uuid")
        state = state_name(states.get(uuid, 0))
        spec = vm_xml.read(root)
        if spec is None or spec.lab != lab:
            yield _foreign_domain(root, spec, running=state != "off")
            continue
        spec = replace(spec, state=state, autostart=uuid in autostarting, ready=False)
        yield spec, _live(domain, spec, ports) if state != "off" else None


def _live(domain: Any, defined: VmSpec, ports: Ports) -> VmSpec | None:
    (text,) = dumps([domain])
    live = vm_xml.read(ET.fromstring(text)) if text else None
    return live and replace(ports.checked(live), state=defined.state, autostart=defined.autostart)


def _foreign_domain(root: ET.Element, spec: VmSpec | None, *, running: bool) -> Foreign:
    macs = tuple((each.get("address") or "").lower() for each in root.findall("devices/interface/mac"))
    memory = vm_xml.memory_bytes(root.find("memory")) if running else 0
    return Foreign(
        "domain",
        root.findtext("name") or "",
        root.findtext("uuid") or "",
        lab=spec.lab if spec else "",
        file=spec.file if spec else "",
        macs=macs,
        memory=memory,
    )


def _networks(virt: Any, lab: str) -> Iterator[NetworkSpec | Foreign]:
    for network in virt.listAllNetworks():
        root = network_driver.definition(network)
        spec = network_driver.observe(network, root)
        if spec is not None and spec.lab == lab:
            yield spec
        else:
            yield foreign_network(root, spec)


def foreign_network(root: ET.Element, spec: NetworkSpec | None) -> Foreign:
    subnets = [
        f"{each.get('address')}/{each.get('prefix') or each.get('netmask') or '32'}"
        for each in root.findall("ip")
    ]
    bridge = root.find("bridge")
    return Foreign(
        "network",
        root.findtext("name") or "",
        root.findtext("uuid") or "",
        lab=spec.lab if spec else "",
        file=spec.file if spec else "",
        subnets=tuple(subnets),
        bridge="" if bridge is None else bridge.get("name", ""),
    )


def _volumes(virt: Any, lab: str, others: Mapping[Address, Spec]) -> Iterator[Spec]:
    """The lab's pool and what is in it; a seed's digest is in the metadata of its VM, which is among the others."""
    name = identity.pool_name(lab)
    pool = next((each for each in virt.listAllStoragePools() if each.name() == name), None)
    if pool is None:
        return
    yield PoolSpec(lab, pools.path(pool), bool(pool.isActive()))
    if not pool.isActive():
        pools.find(virt, name)  # starts it, with a new folder where that is gone: to see what is in it
    for facts in volumes.facts(pool):
        owner, _, what = facts.name.partition(".")
        disk = disk_name(facts.name)
        if what == "seed":
            vm = others.get(Address("vm", owner))
            yield SeedSpec(lab, owner, vm.seed if isinstance(vm, VmSpec) else "")
        elif disk is not None:
            yield disk_driver.observe(facts, lab, disk, "")


def merge(observed: Observed, desired: Mapping[Address, Spec]) -> dict[Address, Spec]:
    """Choose for each running VM what to compare: how it is defined, and where that is right, how it runs.

    So a change that someone made only to the running domain, or only to its definition, shows either way.
    """
    merged = dict(observed.specs)
    for address, live in observed.live.items():
        defined, wanted = merged[address], desired.get(address)
        if not isinstance(defined, VmSpec):
            continue
        seen = replace(defined, ready=live.ready)
        for name in ("disks", "nics", "memory", "max_memory", "cpus"):
            if not isinstance(wanted, VmSpec) or _same(getattr(defined, name), getattr(wanted, name)):
                seen = replace(seen, **{name: _as_it_runs(name, live, defined)})
        merged[address] = seen
    for address, spec in merged.items():
        wanted = desired.get(address)
        if isinstance(spec, DiskSpec) and isinstance(wanted, DiskSpec):
            merged[address] = replace(spec, image=wanted.image)
    return merged


def _same(one: object, other: object) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return {repr(_bare(each)) for each in one} == {repr(_bare(each)) for each in other}
    return one == other


def _bare(item: Any) -> Any:  # a DiskUse or NicUse
    return replace(item, target="") if hasattr(item, "target") else replace(item, guest=())


def _as_it_runs(name: str, live: VmSpec, defined: VmSpec) -> Any:
    """A field of the running domain, without what is no change of anybody's."""
    if name == "memory" and live.memory == live.max_memory:
        return defined.memory  # a balloon follows when the guest gets to it, or never
    if name == "nics":  # what a guest was told is noted in the definition
        told = {nic.name: nic.guest for nic in defined.nics}
        return tuple(replace(nic, guest=told.get(nic.name, ())) for nic in live.nics)
    return getattr(live, name)
