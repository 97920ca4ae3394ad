"""What the domain of a snapshot needs of a host, by its XML: memory goes on only on such hardware as it is of. Pure."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from labctl.core import xmltree
from labctl.core.record import record

_OF_THE_HOST = ("host-passthrough", "maximum")  # with KVM, these modes give a guest the host's own CPU


@record
class Machine:
    """A domain's hardware, in libvirt's words. `cpu` is the XML of its CPU, empty where it names none.

    `firmware` is empty unless libvirt chooses it; `loader` is the file of it, once that was chosen.
    """

    arch: str
    machine: str
    accel: str
    cpu: str = ""
    cpu_mode: str = ""
    cpu_model: str = ""
    firmware: str = ""
    loader: str = ""

    @property
    def has_cpu_of_host(self) -> bool:
        return self.accel == "kvm" and self.cpu_mode in _OF_THE_HOST


def of_domain(text: str) -> Machine:
    """The machine of a domain."""
    root = ET.fromstring(text)
    cpu = root.find("cpu")
    return Machine(
        xmltree.attribute(root, "os/type", "arch"),
        xmltree.attribute(root, "os/type", "machine"),
        root.get("type", ""),
        "" if cpu is None else ET.tostring(cpu, encoding="unicode"),
        xmltree.attribute(root, "cpu", "mode"),
        root.findtext("cpu/model", ""),
        xmltree.attribute(root, "os", "firmware"),
        root.findtext("os/loader", ""),
    )


def cpu_of_host(capabilities: str) -> str:
    """The XML of a host's CPU, by that of its capabilities; empty if these don't tell."""
    cpu = ET.fromstring(capabilities).find("host/cpu")
    return "" if cpu is None else ET.tostring(cpu, encoding="unicode")
