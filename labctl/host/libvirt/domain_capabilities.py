"""What a libvirt host offers to domains of one architecture, machine and domain type.

https://libvirt.org/formatdomaincaps.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree as ET

import libvirt

from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

Words = frozenset[str] | None  # None if libvirt does not say; then everything may work


@record
class DomainCapabilities:
    """The capabilities, in the words of a domain's XML.

    `lacks` names what the host does not have at all; nothing else is known then. `cpu_models` are the CPU models of
    mode custom that the host can run, `known_models` all that libvirt knows.
    """

    lacks: Literal["", "arch", "emulator", "machine", "accel"] = ""
    emulator: str = ""  # the path of QEMU; empty if libvirt does not say
    cpus: int | None = None
    firmware: Words = None
    loaders: Words = None  # the files of firmware that libvirt may choose
    secure: Words = None  # has "yes" if a loader supports secure boot
    buses: Words = None
    graphics: Words = None
    filesystems: Words = None
    tpm_backends: Words = None
    cpu_models: Words = None
    known_models: Words = None


def look(virt: Any, arch: str, machine: str | None, accel: str | None) -> DomainCapabilities:  # a virConnect
    """Ask libvirt for the capabilities.

    Raises:
        libvirt.libvirtError: libvirt does not answer.
    """
    try:
        return read(virt.getDomainCapabilities(None, arch, machine, accel))
    except libvirt.libvirtError as error:
        code = error.get_error_code()
        if code == libvirt.VIR_ERR_NO_SUPPORT:
            return DomainCapabilities()  # a driver as test:/// has none to report
        if code == libvirt.VIR_ERR_CONFIG_UNSUPPORTED:
            return DomainCapabilities("emulator")
        if code != libvirt.VIR_ERR_INVALID_ARG:
            raise
    # libvirt refuses an unknown architecture, machine and type with the same code: leave out one after the other
    if machine is not None:
        return DomainCapabilities(look(virt, arch, None, accel).lacks or "machine")
    if accel is not None:
        return DomainCapabilities(look(virt, arch, None, None).lacks or "accel")
    return DomainCapabilities("arch")


def read(text: str) -> DomainCapabilities:
    """Read the XML. Pure."""
    root = ET.fromstring(text)
    vcpu = root.find("vcpu")
    models = [] if root.find("cpu") is None else root.findall("cpu/mode[@name='custom']/model")
    return DomainCapabilities(
        emulator=root.findtext("path", ""),
        cpus=int(vcpu.get("max", 0)) or None if vcpu is not None else None,
        firmware=_words(root, "os/enum[@name='firmware']"),
        loaders=_loaders(root),
        secure=_words(root, "os/loader/enum[@name='secure']"),
        buses=_words(root, "devices/disk/enum[@name='bus']"),
        graphics=_words(root, "devices/graphics/enum[@name='type']"),
        filesystems=_words(root, "devices/filesystem/enum[@name='driverType']"),
        tpm_backends=_tpm(root),
        cpu_models=frozenset(each.text or "" for each in models if each.get("usable") != "no") or None,
        known_models=frozenset(each.text or "" for each in models) or None,
    )


def _loaders(root: Element) -> Words:
    loader = root.find("os/loader")
    return None if loader is None else frozenset(each.text or "" for each in loader.iterfind("value"))


def _tpm(root: Element) -> Words:
    tpm = root.find("devices/tpm")
    if tpm is not None and tpm.get("supported") == "no":
        return frozenset()
    return _words(root, "devices/tpm/enum[@name='backendModel']")


def _words(root: Element, path: str) -> Words:
    enum = root.find(path)
    return None if enum is None else frozenset(each.text or "" for each in enum)


def architectures(capabilities: str) -> Iterator[str]:
    """The architectures with an emulator, of the XML of libvirt's capabilities."""
    return (each.get("name", "") for each in ET.fromstring(capabilities).iterfind("guest/arch"))


def machines(capabilities: str, arch: str) -> Iterator[str]:
    """The machine types of an architecture, of the XML of libvirt's capabilities."""
    for each in ET.fromstring(capabilities).iterfind(f"guest/arch[@name='{arch}']/machine"):
        yield each.text or ""
        yield each.get("canonical", "")
