"""The declaration of a domain's XML without its devices: https://libvirt.org/formatdomain.html."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.record import replace
from labctl.core.xmlfields import Declaration, Fixed, Place, Property, Read, Size, Strings, Written
from labctl.core.xmlforms import NUMBER, OPTIONAL, PRESENT, TEXT, YES_NO, Form
from labctl.kinds.vm import architectures
from labctl.kinds.vm.devices.filesystem import shares_memory
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from labctl.core.xmltree import Element


def _uefi(spec: VmSpec) -> bool:
    return spec.firmware == "uefi"


def _secure(spec: VmSpec) -> bool:
    return spec.secure_boot


def _acpi(spec: VmSpec) -> bool:
    return architectures.of(spec.arch).acpi or _uefi(spec)


def _apic(spec: VmSpec) -> bool:
    return architectures.of(spec.arch).apic


def _genid(spec: VmSpec) -> bool:
    return architectures.of(spec.arch).genid


def _boot_device(spec: VmSpec) -> str:
    """The boot device in `<os>`, for a VM in which no device has a boot order."""
    if any(use.boot for use in spec.disks) or any(use.boot for use in spec.nics):
        return ""
    return "hd" if spec.disks else "network"


class _Topology(Property):
    """`SOCKETS:CORES:THREADS` in the spec, three attributes in the XML."""

    _PARTS = ("sockets", "cores", "threads")

    def write(self, root: Element, of: Any) -> None:
        if of.cpu_topology:
            numbers = of.cpu_topology.split(":")
            for part, number in zip(self._PARTS, numbers, strict=True):
                Place(f"{self.path}/@{part}").put(root, number)

    def read(self, root: Element) -> Any:
        topology = self._place.element(root)
        return None if topology is None else ":".join(topology.get(part, "1") for part in self._PARTS)


_FIRMWARE = Form(
    lambda firmware: "efi" if firmware == "uefi" else None,
    lambda text: "uefi" if text == "efi" else "bios",
    "bios",
)

DOMAIN = Declaration(
    "domain",
    VmSpec,
    Property("accel", "@type"),
    Written(lambda spec: spec.libvirt_name, "name"),
    Written(lambda spec: spec.uuid, "uuid"),
    Written(_genid, "genid", PRESENT),  # libvirt chooses it, and a new one at each restore
    Size("max_memory", "memory", "KiB"),
    Size("memory", "currentMemory", "KiB"),
    Fixed("memoryBacking/source/@type", "memfd", when=shares_memory),
    Fixed("memoryBacking/access/@mode", "shared", when=shares_memory),
    Property("cpus", "vcpu", replace(NUMBER, absent=1), read_at=("vcpu/@current", "vcpu")),
    Property("firmware", "os/@firmware", _FIRMWARE),
    Property("arch", "os/type/@arch", OPTIONAL),
    Written(lambda spec: spec.machine, "os/type/@machine"),
    Fixed("os/type", "hvm"),
    Property("secure_boot", "os/firmware/feature[@name='secure-boot']/@enabled", YES_NO, when=_uefi),
    Fixed("os/firmware/feature[@name='enrolled-keys']/@enabled", "yes", when=_secure),
    Read("nvram", "os/nvram", replace(TEXT, read=str.strip)),  # `kinds.vm.nvram` writes it
    Property("kernel", "os/kernel"),
    Property("initrd", "os/initrd"),
    Property("cmdline", "os/cmdline"),
    Written(_boot_device, "os/boot/@dev"),
    Written(_acpi, "features/acpi", PRESENT),
    Written(_apic, "features/apic", PRESENT),
    Fixed("features/smm/@state", "on", when=_secure),
    Size("tb_cache", "features/tcg/tb-cache", "MiB", absent=None),
    Fixed("on_poweroff", "destroy"),
    Fixed("on_reboot", "restart"),
    Fixed("on_crash", "destroy"),
    Property("cpu_mode", "cpu/@mode", OPTIONAL),
    Fixed("cpu/model/@fallback", "forbid", when=lambda spec: spec.cpu_model),
    Property("cpu_model", "cpu/model", OPTIONAL),
    _Topology("cpu_topology", "cpu/topology"),
    Strings("cpu_features", "cpu/feature/@name", absent=None, policy="require"),
)
