"""The driver of networks. Each verb first reads the existing network, so that it can be repeated after a failure."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import xmltree
from labctl.core.errors import LabctlError
from labctl.core.record import replace
from labctl.host.libvirt.connection import found, translated
from labctl.host.machine.listeners import listener
from labctl.kinds.network import xml
from labctl.kinds.network.dhcp import DHCP_HOST, DHCP_RANGE, DhcpRange
from labctl.kinds.network.dns import DNS_HOST
from labctl.kinds.network.spec import DnsHost

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.host.host import Host
    from labctl.kinds.network.spec import NetworkSpec

DNS_PORT = 53
_ADD, _DELETE = libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE
_MODIFY = libvirt.VIR_NETWORK_UPDATE_COMMAND_MODIFY
_DHCP_HOST, _DHCP_RANGE = libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST, libvirt.VIR_NETWORK_SECTION_IP_DHCP_RANGE
_DNS_HOST = libvirt.VIR_NETWORK_SECTION_DNS_HOST


def _read(text: str, spec: NetworkSpec) -> NetworkSpec:
    """Read a network's XML, also if someone removed labctl's metadata."""
    root = ET.fromstring(text)
    return xml.read(root) or xml.adopt(root, spec.lab, spec.name)


def _range(spec: NetworkSpec) -> ET.Element:
    return DHCP_RANGE.render(DhcpRange.read(spec.dhcp_range))


class NetworkDriver:
    """Makes, changes and removes the lab's networks."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def create(self, step: StepOf[NetworkSpec], _tell: Teller) -> None:
        spec = step.wanted
        with translated(str(spec.address)):
            network = self._define(spec)
            try:
                self._activate(network, spec)
            except libvirt.libvirtError as error:
                network.undefine()  # leave no network behind that can't start
                if "Address already in use" in str(error):
                    raise self._port_taken(error) from error
                raise

    def _port_taken(self, error: libvirt.libvirtError) -> LabctlError:
        said = str(error).strip().rpartition("\n")[2]  # dnsmasq's message comes after its command line
        who = listener(DNS_PORT) if self._host.local else ""
        return LabctlError(
            f"{said}; {who or 'another name server'} has port {DNS_PORT} of every address",
            hint="let that listen on single addresses only, or stop it; see `labctl doctor`",
        )

    def update(self, step: StepOf[NetworkSpec], _tell: Teller) -> None:
        """Change DHCP and DNS while the network runs, then write the persistent definition."""
        spec = step.wanted
        with translated(str(spec.address)):
            network = self._find(spec)
            if network is not None and network.isActive():
                self._update_live(network, _read(network.XMLDesc(0), spec), spec)
                if step.existing.unserved:
                    self._serve(network, spec)
            self._activate(self._define(spec), spec)

    def delete(self, step: StepOf[NetworkSpec], _tell: Teller) -> None:
        spec = step.existing
        with translated(str(spec.address)):
            network = self._find(spec)
            if network is None:
                return
            if (
                not network.isPersistent()
            ):  # a transient network disappears with destroy(), and undefine() would fail
                network = self._host.virt.networkDefineXML(network.XMLDesc())
            if network.isActive():
                network.destroy()
            network.undefine()

    def _find(self, spec: NetworkSpec) -> Any:
        virt = self._host.virt
        # a network that someone renamed still has its UUID
        return found(
            (virt.networkLookupByUUIDString, spec.uuid), (virt.networkLookupByName, spec.libvirt_name)
        )

    def _define(self, spec: NetworkSpec) -> Any:
        applied = replace(spec, applied=spec.fingerprint())
        return self._host.virt.networkDefineXML(xmltree.to_text(xml.render(applied)))

    def _activate(self, network: Any, spec: NetworkSpec) -> None:
        if bool(network.autostart()) != spec.autostart:
            network.setAutostart(int(spec.autostart))
        if spec.active and not network.isActive():
            network.create()

    def _update_live(self, network: Any, now: NetworkSpec, spec: NetworkSpec) -> None:
        """Change DHCP and DNS of a running network.

        libvirt refuses a deletion that matches two records. So a reservation is deleted by all its values, and a DNS
        record by its address, since several records may have the same name.
        """
        if now.dhcp_range != spec.dhcp_range:
            old = [_range(now)] if now.dhcp_range else []
            new = [_range(spec)] if spec.dhcp_range else []
            self._swap(network, _DHCP_RANGE, 0, old, new)
        for parent, version in ((0, 4), (1 if spec.host4 else 0, 6)):
            was = [host for host in now.dhcp_hosts if host.ip.version == version]
            wanted = [host for host in spec.dhcp_hosts if host.ip.version == version]
            old = [DHCP_HOST.render(host) for host in was if host not in wanted]
            new = [DHCP_HOST.render(host) for host in wanted if host not in was]
            self._swap(network, _DHCP_HOST, parent, old, new)
        old = [
            DNS_HOST.render(replace(host, names=())) for host in now.dns_hosts if host not in spec.dns_hosts
        ]
        new = [DNS_HOST.render(host) for host in spec.dns_hosts if host not in now.dns_hosts]
        self._swap(network, _DNS_HOST, -1, old, new)

    def _serve(self, network: Any, spec: NetworkSpec) -> None:
        """Make libvirt start dnsmasq again. It does so at an update, therefore an existing record is sent again."""
        if spec.dhcp_hosts:
            first = spec.dhcp_hosts[0]
            parent = 1 if first.ip.version == 6 and spec.host4 else 0
            text = ET.tostring(DHCP_HOST.render(first), encoding="unicode")
            network.update(_MODIFY, _DHCP_HOST, parent, text, libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE)
        elif spec.dns:
            own = ip_interface(spec.host4 or spec.host6).ip
            probe = [DNS_HOST.render(DnsHost(own, ("labctl.invalid",)))]
            self._swap(network, _DNS_HOST, -1, [], probe)
            self._swap(network, _DNS_HOST, -1, probe, [])
        else:
            served = [_range(spec)]
            self._swap(network, _DHCP_RANGE, 0, served, served)

    def _swap(
        self,
        network: Any,
        section: int,
        parent: int,
        old: Iterable[ET.Element],
        new: Iterable[ET.Element],
    ) -> None:
        """Delete old records, then add new ones, since an address can't have two records."""
        for command, elements in ((_DELETE, old), (_ADD, new)):
            for element in elements:
                text = ET.tostring(element, encoding="unicode")
                network.update(command, section, parent, text, libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE)
