"""The specs of a lab's existing VMs: of their persistent definitions and, for active VMs, of their live XML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core.found import Found
from labctl.core.lifecycle import ACTIVE
from labctl.core.marked import foreign, own
from labctl.core.record import replace
from labctl.core.spec import YES
from labctl.host.libvirt.domain_state import listed_state, saved_domains
from labctl.host.libvirt.dumps import dumps, snapshot_dumps
from labctl.host.libvirt.look import uuids
from labctl.kinds.vm import backing_chains, xml
from labctl.kinds.vm.devices.nic import NIC
from labctl.kinds.vm.domain import DOMAIN
from labctl.kinds.vm.network_ports import NetworkPorts
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labctl.core.marked import Foreign
    from labctl.host.libvirt.look import Look


def observe(look: Look) -> Found[VmSpec]:
    virt = look.virt
    stats = virt.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE, 0)
    autostarting = uuids(virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART))
    snapshotted = uuids(virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT))
    transient = uuids(virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT))
    saved = saved_domains(virt)
    texts = dumps([each for each, _ in stats], libvirt.VIR_DOMAIN_XML_INACTIVE)
    vms: list[VmSpec] = []
    others, handles = [], {}
    for (domain, facts), text in zip(stats, texts, strict=True):
        if text is None:
            continue
        state = listed_state(domain, facts.get("state.state", 0), saved)
        spec, other = read(look.lab, text)
        if spec is None:
            others.append(other if state in ACTIVE else replace(other, memory=0))
            continue
        vm = replace(
            spec,
            state=state,
            autostart=other.uuid in autostarting,
            undefined=YES if other.uuid in transient else "",
            ready=False,
        )
        made = snapshot_dumps(domain) if other.uuid in snapshotted else []
        vm = backing_chains.completed(vm, _layers_below(look, made))
        vms.append(replace(vm, snapshots=backing_chains.snapshot_kinds(made)))
        handles[vm.address] = domain
    running = [(handles[vm.address], vm) for vm in vms if vm.state in ACTIVE]
    return Found(tuple(vms), tuple(_live(look, running)), tuple(others), handles)


def read(lab: str, text: str) -> tuple[VmSpec | None, Foreign]:
    """The spec of a domain by its XML, None unless it is the lab's, and the domain as a foreign object."""
    root = ET.fromstring(text)
    spec = xml.read(root)
    macs = tuple(NIC.read(each).mac for each in NIC.elements(root))
    other = foreign("domain", root, spec, macs=macs, memory=DOMAIN.values(root)["max_memory"])
    return own(lab, spec, other, lambda name: xml.adopt(root, lab, name), VmSpec), other


def _layers_below(look: Look, snapshots: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """A function that gives the layers below a path: by these snapshots' XML, else by the volume at that path."""
    made = backing_chains.layers_below(snapshots)

    def below(path: str) -> tuple[str, ...]:
        return made.get(path) or look.backing(path)

    return below


def _live(look: Look, running: Sequence[tuple[Any, VmSpec]]) -> list[VmSpec]:
    ports = NetworkPorts(look.virt)
    texts = dumps([domain for domain, _ in running])
    seen = [
        (defined, read(look.lab, text)[0])
        for (_, defined), text in zip(running, texts, strict=True)
        if text is not None
    ]
    return [
        replace(ports.with_unplugged_nics(live), state=defined.state, autostart=defined.autostart)
        for defined, live in seen
        if live is not None
    ]
