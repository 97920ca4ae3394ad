"""The capabilities of a libvirt host (https://libvirt.org/formatcaps.html)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from labctl.core.record import record


@record
class Capabilities:
    """The capabilities of a libvirt host; memory in bytes."""

    arch: str
    kvm: bool
    types: frozenset[str]  # libvirt's domain types: kvm, qemu, test
    cpus: int
    memory: int


@record
class Stated:
    """The values of the XML. `arch` may be empty; `virtualises` says whether the CPU has vmx or svm."""

    arch: str
    types: frozenset[str]
    virtualises: bool


def look(virt: Any, *, local: bool) -> Capabilities:  # a virConnect
    """Ask libvirt for the capabilities; whether a local host can use KVM depends on its CPU too."""
    stated = read(virt.getCapabilities())
    _model, memory_mib, cpus = virt.getInfo()[:3]
    # on this machine, a node /dev/kvm may exist although the CPU can't virtualise
    kvm = "kvm" in stated.types and (stated.virtualises or not local or _virtualises(stated.arch))
    return Capabilities(stated.arch or "x86_64", kvm, stated.types, cpus, memory_mib << 20)


def read(text: str) -> Stated:
    """Read the XML. Pure."""
    root = ET.fromstring(text)
    arch = root.findtext("host/cpu/arch") or ""
    types = {
        each.get("type", "")
        for guest in root.findall("guest")
        for machine in guest.findall("arch")
        if machine.get("name") == (arch or "x86_64")
        for each in machine.findall("domain")
    }
    types = types or {each.get("type", "") for each in root.findall("guest/arch/domain")}
    features = {each.get("name") for each in root.findall("host/cpu/feature")}
    return Stated(arch, frozenset(types), bool(features & {"vmx", "svm"}))


def _virtualises(arch: str) -> bool:
    """Whether this machine's CPU has vmx or svm; true for architectures that have no such flags."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    return " vmx" in text or " svm" in text or "x86" not in arch
