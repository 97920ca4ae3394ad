"""Reads one VM from its merged layers, and reports fields that contradict each other."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from labctl.core.record import record
from labctl.guest.protocol import ROOT
from labctl.labfile import reserved_names
from labctl.labfile.cloud_init import read_cloud_init
from labctl.labfile.disks import read_disks, read_image
from labctl.labfile.folders import read_folders
from labctl.labfile.forwards import read_forwards
from labctl.labfile.model import Boot, Condition, Cpu, Nic, Vm
from labctl.labfile.problems import did_you_mean
from labctl.labfile.provision import read_provision
from labctl.labfile.scripts import GuestFiles, home_of
from labctl.labfile.values import address, bandwidth, duration, mac, routes, whole_size
from labctl.labfile.xml_edits import read_xml_edits
from labctl.labfile.yaml_tree import Map, Seq, was_removed

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.labfile.context import ReadContext

__all__ = ["InstanceIdentity", "read_vm"]

_COPIED_FIELDS = (
    "hostname", "user", "arch", "accel", "machine", "firmware", "secure_boot", "tpm", "graphics", "autostart",
    "state", "protect",
)  # fmt: skip
_TOPOLOGY = ("sockets", "cores", "threads")


@record
class InstanceIdentity:
    """The names, number and groups of an instance.

    Its addresses are those that the VM's fields state plus `offset`, its forwards move by `position`, but for the last
    `literal_forwards`, which are its own. `repeated` is False for the first instance of a VM
    and True for the others: most problems of these are those of the first one again.
    """

    name: str
    base: str
    index: int | None
    offset: int
    groups: tuple[str, ...]
    repeated: bool = False
    position: int = 0
    literal_forwards: int = 0


def read_vm(context: ReadContext, tree: Map, identity: InstanceIdentity, holder: Map) -> Vm:
    """Read the instance `identity`. `holder` is the Labfile's `vms`, where problems of the whole VM are reported."""
    image = None
    if "image" in tree:
        image = read_image(context, tree)
    elif not (was_removed(tree, "image") or _misspelt(context, tree, "image")):
        context.problems.at_key(
            holder, identity.base, "an image is missing", "image: debian-12, or image: none"
        )
    memory, max_memory = _memory(context, tree)
    cloud_init = read_cloud_init(context, tree)
    nics = _nics(context, tree, identity.offset)
    disks = read_disks(context, tree, image)
    folders = read_folders(context, tree, seeded=cloud_init is not False)
    provision = read_provision(context, tree, cloud_init, folders)
    guest = cache(partial(GuestFiles.after, cloud_init, folders, [each.work for each in provision]))
    vm = Vm(
        name=identity.name,
        base=identity.base,
        index=identity.index,
        groups=identity.groups,
        image=image,
        cpus=int(tree.get("cpus", 1)),
        memory=memory,
        max_memory=max_memory,
        disks=disks,
        nics=nics,
        ready=_ready(context, tree, cloud_init, guest),
        forwards=read_forwards(context, tree, identity),
        folders=folders,
        provision=provision,
        cloud_init=cloud_init,
        cpu=_cpu(context, tree),
        boot=_boot(context, tree, [*(disk.name for disk in disks), *(nic.name for nic in nics)]),
        timeout=duration(tree, "timeout", context.problems) if "timeout" in tree else 300.0,
        xml=read_xml_edits(tree, context.problems),
        **{key: tree[key] for key in _COPIED_FIELDS if key in tree},
    )
    _check_secure_boot(context, tree, vm)
    return vm


def _check_secure_boot(context: ReadContext, tree: Map, vm: Vm) -> None:
    if vm.secure_boot and vm.firmware != "uefi" and not was_removed(tree, "firmware"):
        context.problems.at_key(tree, "secure_boot", "secure boot needs UEFI", "firmware: uefi")


def _misspelt(context: ReadContext, tree: Map, key: str) -> bool:
    """Whether a layer has an unknown key, which was reported, where `key` was meant."""
    unknown = [
        each
        for each in tree.marks.keys() - tree.keys()
        if context.problems.reported(tree, each, "unknown key")
    ]
    if not unknown:
        return False
    from labctl.labfile.suggestions import nearest_key  # only Labfiles with mistakes need it

    return any(nearest_key(each, [key]) for each in unknown)


def _memory(context: ReadContext, tree: Map) -> tuple[int, int | None]:
    found: dict[str, int] = {"memory": 1 << 30}
    for key in ("memory", "max_memory"):
        if key in tree:
            found[key] = whole_size(tree, key, "MiB", context.problems)  # QEMU's unit
    most = found.get("max_memory")
    if most is not None and most < found["memory"] and not was_removed(tree, "memory"):
        written: str = tree.get("memory", "1GiB")
        context.problems.at(
            tree, "max_memory", f"max_memory {tree['max_memory']} is less than memory {written}"
        )
    return found["memory"], most


def _ready(
    context: ReadContext, tree: Map, cloud_init: object, guest: Callable[[], GuestFiles]
) -> tuple[Condition, ...]:
    """Read the conditions, which are looked at in a guest after its steps."""
    found, seeded = [], cloud_init is not False
    for entry in tree.get("ready") or ():
        if not seeded and "exec" in entry:
            hint = "use tcp or http, which are checked from the host"
            context.problems.at_key(entry, "exec", "nothing in a VM without cloud-init can run this", hint)
        elif "exec" in entry and entry.get("from") == "host":
            hint = "leave `from` out, or use tcp or http, which can be checked from the host"
            context.problems.at(entry, "from", "exec runs in the guest", hint)
        elif (
            "exec" in entry
            and not context.problems.repeated
            and (wrong := guest().problem(entry["exec"], context.folder, home_of(ROOT)))
        ):
            context.problems.at(entry, "exec", wrong.summary, wrong.hint)
        found.append(
            Condition(
                tcp=int(entry["tcp"]) if "tcp" in entry else None,
                exec=entry.get("exec"),
                http=entry.get("http"),
                timeout=duration(entry, "timeout", context.problems) if "timeout" in entry else None,
                interval=duration(entry, "interval", context.problems) if "interval" in entry else 1.0,
                origin=entry.get("from", "guest") if seeded else "host",
            )
        )
    return tuple(found)


def _cpu(context: ReadContext, tree: Map) -> Cpu:
    written = tree.get("cpu")
    if not written:
        return Cpu()
    mode, model = written.get("mode"), written.get("model")
    if model and mode in {"host", "maximum"}:
        context.problems.at_key(written, "model", f"a model can't be set in mode {mode}", "mode: custom")
    elif mode == "custom" and not model and not was_removed(written, "model"):
        context.problems.at(written, "mode", "mode custom needs a model")
    shape = None
    if "topology" in written:
        sizes = [int(written["topology"].get(key, 1)) for key in _TOPOLOGY]
        shape = (sizes[0], sizes[1], sizes[2])
        product, cpus = shape[0] * shape[1] * shape[2], int(tree.get("cpus", 1))
        if product != cpus and not (
            was_removed(tree, "cpus") or was_removed(written["topology"], *_TOPOLOGY)
        ):
            summary = f"the topology has {product} CPUs, the VM {cpus}"
            context.problems.at_key(written, "topology", summary, f"cpus: {product}")
    return Cpu(mode or ("custom" if model else None), model, written.get("nested"), shape)


def _boot(context: ReadContext, tree: Map, devices: list[str]) -> Boot:
    written = tree.get("boot")
    if not written:
        return Boot()
    for key in ("initrd", "cmdline"):
        if key in written and "kernel" not in written.marks:
            context.problems.at_key(written, key, f"{key} needs a kernel")
            break
    order = written.get("order") or Seq(written.mark)
    for index, name in enumerate(order):
        if name not in devices:
            hint = partial(did_you_mean, name, devices)
            context.problems.at(order, index, f"the VM has no disk or NIC {name}", hint)
        elif devices.count(name) > 1:
            context.problems.at(order, index, f"a disk and a NIC are called {name}", "name the NIC by nic")
        elif name in order[:index]:
            context.problems.at(order, index, f"{name} stands here twice")
    kernel, initrd = (context.file(written, key) if key in written else None for key in ("kernel", "initrd"))
    return Boot(kernel, initrd, written.get("cmdline"), tuple(order))


def _nics(context: ReadContext, tree: Map, offset: int) -> tuple[Nic, ...]:
    listed = tree.get("networks")
    if not listed:
        return ()
    nics: list[Nic] = []
    taken: dict[str, str] = {}
    for index, entry in enumerate(listed):
        detailed = isinstance(entry, Map)
        network = entry["name"] if detailed else entry
        if network not in context.networks:
            holder, key = (entry, "name") if detailed else (listed, index)
            hint = partial(did_you_mean, network, context.networks, "write it under networks")
            context.problems.at(holder, key, f"there is no network {network}", hint)
        nic = _nic(context, entry, offset) if detailed else Nic(network, network)
        reserved_names.report("NIC", nic.name, listed, index, context.problems)
        if nic.name in taken:
            same = taken[nic.name] == network
            summary = (
                f"the network {network} stands here twice" if same else f"two NICs are called {nic.name}"
            )
            context.problems.at(listed, index, summary, "give each NIC a name of its own by nic")
            continue
        taken[nic.name] = network
        nics.append(nic)
    return tuple(nics)


def _nic(context: ReadContext, entry: Map, offset: int) -> Nic:
    return Nic(
        name=entry.get("nic", entry["name"]),
        network=entry["name"],
        ip=_address(context, entry, "ip", offset),
        ip6=_address(context, entry, "ip6", offset),
        mac=mac(entry, "mac", offset, context.problems) if "mac" in entry else None,
        model=entry.get("model", "virtio"),
        mtu=int(entry["mtu"]) if "mtu" in entry else None,
        link=entry.get("link", "up"),
        routes=routes(entry, context.problems),
        default_route=entry.get("default_route"),
        bandwidth=bandwidth(entry.get("bandwidth"), context.problems),
    )


def _address(context: ReadContext, entry: Map, key: str, offset: int) -> Any:
    written = entry.get(key)
    if written is None or written is False:
        return written
    found = address(entry, key, context.problems)
    try:
        return None if found is None else found + offset
    except ValueError:
        context.problems.at(entry, key, f"{written} can't count up to {offset + 1} instances")
        return None
