"""From a VM's spec to libvirt's domain XML; `parse.read(render(spec)) == spec` for what the XML can hold."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from labctl import __version__, resources
from labctl.core import identity, xmltree
from labctl.core.record import replace
from labctl.core.spec import owned_by
from labctl.core.xmltree import attribute
from labctl.kinds.vm import architectures, parse

if TYPE_CHECKING:
    from labctl.core.xmltree import Element
    from labctl.kinds.vm.spec import DiskUse, NicUse, VmSpec

PORT = "org.labctl.guest.0"


def render(spec: VmSpec) -> Element:
    """Write the whole definition, with labctl's metadata and the user's own `xml:` edits.

    The disks' targets must have been chosen (`VmSpec.with_targets`).
    """
    root = _rendered(spec.unedited or spec)
    root.insert(2, metadata(spec))
    xmltree.edit(root, spec.xml)
    _complete(root)
    return root


def machine(spec: VmSpec) -> str | None:
    """The machine type after the user's own edits; None for libvirt's own."""
    return attribute(render(spec), "os/type", "machine") or None


def _rendered(spec: VmSpec) -> Element:
    uefi, needs = spec.firmware == "uefi", architectures.of(spec.arch)
    root = xmltree.fill(
        resources.text("templates/libvirt/domain.xml"),
        {
            "accel": spec.accel,
            "name": spec.libvirt_name,
            "uuid": identity.object_uuid(spec.lab, "vm", spec.name),
            "max_memory": spec.max_memory >> 10,
            "memory": spec.memory >> 10,
            "cpus": spec.cpus,
            "firmware": "efi" if uefi else None,
            "arch": spec.arch,
            "machine": spec.machine,
            "secure_boot": ("yes" if spec.secure_boot else "no") if uefi else None,
            "enrolled_keys": "yes" if spec.secure_boot else None,
            "smm": "on" if spec.secure_boot else None,
            "tb_cache": spec.tb_cache >> 20 if spec.tb_cache else None,
            "kernel": spec.kernel or None,
            "initrd": spec.initrd or None,
            "cmdline": spec.cmdline or None,
            "console_log": spec.console_log or None,
            "tpm_model": needs.tpm if spec.tpm else None,
            "tpm_backend": "emulator" if spec.tpm else None,
        },
    )
    _drop_features(root, {"acpi": needs.acpi or uefi, "apic": needs.apic})
    if (cpu := _cpu(spec)) is not None:
        root.insert(list(root).index(root.find("devices")), cpu)  # type: ignore[arg-type]  # the template has it
    devices = root.find("devices")
    assert devices is not None  # likewise
    devices.extend(map(disk, spec.disks))
    devices.extend(map(nic, spec.nics))
    devices.extend(_graphics(spec.graphics, keyboard=needs.keyboard))
    if not any(use.boot for use in spec.disks) and not any(use.boot for use in spec.nics):
        _boot_from(root, "hd" if spec.disks else "network")
    return root


def _drop_features(root: Element, there: dict[str, bool]) -> None:
    """Leave out what the architecture has not."""
    features = root.find("features")
    assert features is not None  # the template has it
    for name, has in there.items():
        if not has:
            features.remove(features.find(name))  # type: ignore[arg-type]  # likewise
    if not len(features):
        root.remove(features)


def _complete(root: Element) -> None:
    """Write out what libvirt would choose otherwise, unless an edit has done so.

    It makes SCSI controllers of disks lsilogic, which few guests can drive, and a balloon on some architectures only.
    """
    devices = root.find("devices")
    assert devices is not None  # the template has it
    if devices.find("memballoon") is None:
        devices.append(ET.Element("memballoon", model="virtio"))
    there = {each.get("index") for each in devices.iterfind("controller[@type='scsi']")}
    targets = [each.get("dev", "") for each in devices.iterfind("disk/target[@bus='scsi']")]
    for index in sorted({scsi_controller(target) for target in targets}):
        if str(index) not in there:
            devices.append(controller(index))


def controller(index: int) -> Element:
    """One SCSI controller, also what a live attach takes."""
    return ET.Element("controller", type="scsi", index=str(index), model="virtio-scsi")


def scsi_controller(target: str) -> int:
    """The index of the controller that libvirt puts a SCSI disk on: 15 on each, in the order of their targets."""
    number = 0
    for letter in target.removeprefix("sd"):
        number = number * 26 + ord(letter) - ord("a") + 1
    return (number - 1) // 15


_NOT_IN_XML = ("autostart", "protect", "hosts", "xml", "machine")


def effective(spec: VmSpec) -> VmSpec:
    """The spec as it is once the user's own `xml:` edits were applied, so that what they changed is no drift."""
    if not spec.xml:
        return spec
    seen = parse.read(render(spec))
    if seen is None:
        return spec
    owned = (each.name for each in owned_by(type(spec)).settings if each.name not in _NOT_IN_XML)
    changed = {name: getattr(seen, name) for name in owned if getattr(spec, name) is not None}
    had = {use.name: use for use in spec.disks}  # with what the XML does not tell
    changed["disks"] = tuple(
        replace(use, disk=had[use.name].disk, below=had[use.name].below, volume=had[use.name].volume)
        if use.name in had and use.source == had[use.name].source
        else use
        for use in seen.disks
    )
    return replace(spec, unedited=spec, **changed)


def _boot_from(root: Element, device: str) -> None:
    os = root.find("os")
    if os is not None:
        ET.SubElement(os, "boot", dev=device)


def metadata(spec: VmSpec) -> Element:
    """What libvirt's XML can't show: the owner, digests, what the guest was told, and whether it was ready."""
    attributes: dict[str, xmltree.Value] = {
        "lab": spec.lab,
        "address": str(spec.address),
        "file": spec.file,
        "version": __version__,
        "base": spec.base,
        "user": spec.user,
        "applied": spec.applied,
        "machine": spec.machine,
        "seed": spec.seed,
        "hosts": spec.hosts,
        "keys": spec.keys or None,
        "problem": spec.problem or None,
        "protect": "yes" if spec.protect else None,
        "ready": "yes" if spec.ready else None,
        "awaited": None if spec.awaited else "no",
        "xml": json.dumps(spec.xml) if spec.xml else None,
        "after": " ".join(f"{vm}:{stage}" for vm, stage in spec.after),
        "images": " ".join(spec.images),
    }
    nics = [ET.Element(f"{{{identity.XMLNS}}}nic", _told(each)) for each in spec.nics if each.guest]
    return xmltree.metadata("vm", attributes, nics)


def _told(nic: NicUse) -> dict[str, str]:
    """What a guest was told of a NIC, and what it said of it."""
    seen = {"seen": " ".join(nic.seen)} if nic.seen else {}
    return {"name": nic.name, "guest": "; ".join(nic.guest), **seen}


def plain_metadata(spec: VmSpec) -> str:
    """The same as virDomainSetMetadata takes it: libvirt itself puts it into labctl's namespace."""
    own = metadata(spec)[0]
    for each in own.iter():
        each.tag = each.tag.rpartition("}")[2]
    return ET.tostring(own, encoding="unicode")


def _cpu(spec: VmSpec) -> Element | None:
    if not (spec.cpu_mode or spec.cpu_topology or spec.cpu_features):
        return None
    cpu = ET.Element("cpu")
    if spec.cpu_mode:
        cpu.set("mode", spec.cpu_mode)
    if spec.cpu_model:
        ET.SubElement(cpu, "model", fallback="forbid").text = spec.cpu_model
    if spec.cpu_topology:
        sockets, cores, threads = spec.cpu_topology.split(":")
        ET.SubElement(cpu, "topology", sockets=sockets, cores=cores, threads=threads)
    for feature in spec.cpu_features or ():
        ET.SubElement(cpu, "feature", policy="require", name=feature)
    return cpu


def disk(use: DiskUse) -> Element:
    """One `<disk>`, also what a live attach takes."""
    element = xmltree.fill(
        resources.text("templates/libvirt/disk.xml"),
        {
            # QEMU has no read-only disk on an ATA bus
            "device": "cdrom" if use.readonly and use.bus in ("ide", "sata") else "disk",
            "format": use.format,
            "cache": use.cache or None,
            "discard": use.discard or None,
            "source": use.source,
            "target": use.target,
            "bus": use.bus,
            "serial": use.serial or None,
            "boot": use.boot or None,
            "alias": f"ua-disk-{use.name}",
        },
    )
    for flag, tag in ((use.readonly, "readonly"), (use.shareable, "shareable")):
        if flag:
            ET.SubElement(element, tag)
    return element


def nic(use: NicUse) -> Element:
    """One `<interface>`, also what a live attach takes."""
    return xmltree.fill(
        resources.text("templates/libvirt/nic.xml"),
        {
            "mac": use.mac,
            "network": use.network,
            "model": use.model,
            "link": use.link,
            "mtu": use.mtu or None,
            "inbound": use.inbound or None,
            "outbound": use.outbound or None,
            "boot": use.boot or None,
            "alias": f"ua-nic-{use.name}",
        },
    )


def _graphics(kind: str, *, keyboard: bool) -> list[Element]:
    """A display that can only be reached from the host itself; with a keyboard, where the machine has none."""
    if kind == "none":
        return []
    graphics = ET.Element("graphics", type=kind, autoport="yes", listen="127.0.0.1")
    ET.SubElement(graphics, "listen", type="address", address="127.0.0.1")
    video = ET.Element("video")
    ET.SubElement(video, "model", type="virtio")
    usb = ET.Element("controller", type="usb", index="0", model="qemu-xhci")
    return [graphics, video, *([usb, ET.Element("input", type="keyboard", bus="usb")] if keyboard else [])]
