"""From libvirt's domain XML to a VM's spec: the reverse of `kinds.vm.xml`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from labctl.core import identity, xmltree
from labctl.core.record import replace
from labctl.core.spec import YES
from labctl.core.xmltree import attribute, find, text
from labctl.kinds.vm.spec import DiskUse, NicUse, VmSpec

if TYPE_CHECKING:
    from labctl.core.xmltree import Element

_UNITS = {
    "b": 1,
    "bytes": 1,
    "KB": 10**3,
    "KiB": 1 << 10,
    "k": 1 << 10,
    "MB": 10**6,
    "MiB": 1 << 20,
    "M": 1 << 20,
}
_UNITS |= {"GB": 10**9, "GiB": 1 << 30, "G": 1 << 30, "TiB": 1 << 40, "T": 1 << 40}


def read(root: Element) -> VmSpec | None:
    """Read a definition of ours back; None when it carries no metadata of labctl.

    `state` and `autostart` are not in the XML; the driver sets them.
    """
    own = xmltree.own_metadata(root, "vm")
    if own is None:
        return None
    loader = find(root, "os/loader")
    max_memory = memory_bytes(root.find("memory"))
    return VmSpec(
        lab=own.get("lab", ""),
        name=own.get("address", "").partition("/")[2],
        cpus=int(attribute(root, "vcpu", "current") or root.findtext("vcpu") or 1),
        memory=memory_bytes(root.find("currentMemory")) or max_memory,
        max_memory=max_memory,
        disks=tuple(_read_disks(root, own.get("lab", ""))),
        nics=_read_nics(root, own),
        arch=attribute(root, "os/type", "arch") or None,
        accel=root.get("type", ""),
        machine=own.get("machine"),
        cpu_mode=attribute(root, "cpu", "mode") or None,
        cpu_model=text(root, "cpu/model") or None,
        cpu_topology=_topology(root),
        cpu_features=_features(root),
        tb_cache=memory_bytes(root.find("features/tcg/tb-cache")) or None,
        firmware="uefi" if loader is not None or attribute(root, "os", "firmware") == "efi" else "bios",
        secure_boot=attribute(root, "os/firmware/feature[@name='secure-boot']", "enabled") == "yes",
        tpm=find(root, "devices/tpm") is not None,
        kernel=text(root, "os/kernel"),
        initrd=text(root, "os/initrd"),
        cmdline=text(root, "os/cmdline"),
        graphics=attribute(root, "devices/graphics", "type") or "none",
        protect=own.get("protect") == "yes",
        hosts=own.get("hosts", ""),
        keys=own.get("keys", ""),
        problem=own.get("problem", ""),
        xml=tuple(tuple(each) for each in json.loads(own.get("xml", "[]"))),
        ready=own.get("ready") == "yes",
        awaited=own.get("awaited") != "no",
        console_log=_console_log(root),
        seed=own.get("seed", ""),
        images=tuple(own.get("images", "").split()),
        after=tuple(
            (vm, stage) for vm, _, stage in (word.partition(":") for word in own.get("after", "").split())
        ),
        file=own.get("file", ""),
        base=own.get("base", ""),
        user=own.get("user", ""),
        applied=own.get("applied", ""),
    )


def adopt(root: Element, lab: str, name: str) -> VmSpec:
    """Read a definition of ours from which someone removed labctl's mark."""
    xmltree.mark(root, "vm", lab, name)
    seen = read(root)
    assert seen is not None  # it has a mark now
    return replace(seen, unmarked=YES)


def _features(root: Element) -> tuple[str, ...] | None:
    cpu = root.find("cpu")
    features = () if cpu is None else cpu.findall("feature")
    return tuple(each.get("name", "") for each in features) or None


def _console_log(root: Element) -> str:
    log = root.find("devices/serial/log")  # the first serial port that has one
    return "" if log is None else log.get("file", "")


def _topology(root: Element) -> str | None:
    topology = find(root, "cpu/topology")
    if topology is None:
        return None
    return ":".join(topology.get(part, "1") for part in ("sockets", "cores", "threads"))


def memory_bytes(element: Element | None) -> int:
    if element is None:
        return 0
    return int(element.text or 0) * _UNITS[element.get("unit", "KiB")]


def _read_disks(root: Element, lab: str) -> list[DiskUse]:
    pool = f"/{identity.pool_name(lab)}/"
    found = []
    for element in root.iterfind("devices/disk"):
        source, *below = xmltree.layers(element) or ("",)
        name = attribute(element, "alias", "name").removeprefix("ua-disk-")
        seed = name == "seed"
        found.append(
            DiskUse(
                name=name or source,
                source=source,
                disk="" if seed else _disk_address([each for each in (source, *below) if pool in each]),
                format=attribute(element, "driver", "type"),
                bus=attribute(element, "target", "bus"),
                cache=attribute(element, "driver", "cache"),
                discard=attribute(element, "driver", "discard"),
                serial=element.findtext("serial") or "",
                shareable=element.find("shareable") is not None,
                readonly=element.find("readonly") is not None,
                boot=int(attribute(element, "boot", "order") or 0),
                target=attribute(element, "target", "dev"),
                below=tuple(below),
            )
        )
    return found


def _disk_address(layers: list[str]) -> str:
    """The disk whose volume is the lowest of these layers in the lab's pool; those above it are someone's overlays."""
    if not layers:
        return ""
    owner, _, name = layers[-1].rsplit("/", 1)[-1].partition(".")
    return name if owner == identity.VOLUMES else f"{owner}/{name}"


def _attribute_of(element: Element | None, name: str) -> str:
    return "" if element is None else element.get(name, "")


def _read_nics(root: Element, own: Element) -> tuple[NicUse, ...]:
    lab = own.get("lab", "")
    told = {each.get("name", ""): each for each in own}
    found = []
    for element in root.iterfind("devices/interface"):
        network = attribute(element, "source", "network") or attribute(element, "source", "bridge")
        mac = attribute(element, "mac", "address").lower()
        name = attribute(element, "alias", "name").removeprefix("ua-nic-") or mac
        found.append(
            NicUse(
                name=name,
                mac=mac,
                network=network,
                ours=network.removeprefix(f"{lab}.") if network.startswith(f"{lab}.") else "",
                model=attribute(element, "model", "type"),
                link=attribute(element, "link", "state") or "up",
                mtu=int(attribute(element, "mtu", "size") or 0),
                inbound=int(attribute(element, "bandwidth/inbound", "average") or 0),
                outbound=int(attribute(element, "bandwidth/outbound", "average") or 0),
                boot=int(attribute(element, "boot", "order") or 0),
                guest=tuple(filter(None, _attribute_of(told.get(name), "guest").split("; "))),
                seen=tuple(_attribute_of(told.get(name), "seen").split()),
                port=attribute(element, "source", "portid"),
            )
        )
    return tuple(found)
