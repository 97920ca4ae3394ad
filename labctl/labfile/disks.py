"""Reads `image`, `disk` and `disks` of a VM."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from labctl.host.builds.image_build import File, ImageBuild
from labctl.kinds.provision.work import Shell
from labctl.labfile import reserved_names
from labctl.labfile.interpolate import plain
from labctl.labfile.model import Disk, Image
from labctl.labfile.placeholders import PLACEHOLDER
from labctl.labfile.problems import did_you_mean
from labctl.labfile.scripts import Brought, GuestFiles
from labctl.labfile.values import whole_size
from labctl.labfile.yaml_tree import Map, Seq, was_removed

if TYPE_CHECKING:
    from labctl.labfile.context import ReadContext
    from labctl.labfile.problems import Hint

__all__ = ["read_disks", "read_image"]

# How many bytes of a disk's serial the guest sees. virtio-blk has VIRTIO_BLK_ID_BYTES, ATA and NVMe have a field of 20
# bytes, and for SCSI QEMU takes 36.
_SERIAL_SHOWN = {"virtio": 20, "sata": 20, "ide": 20, "nvme": 20, "scsi": 36}
_MOST_DISKS = 256  # far more than QEMU's buses have room for


def read_image(context: ReadContext, holder: Map) -> Image | None:
    """Read the `image` of a VM or disk. It is None for `none` and for a wrong one, which is reported."""
    written = holder["image"]
    if isinstance(written, Map):
        return _described(context, written)
    if written == "none":
        return None
    if "/" in written:
        return Image(path=context.file(holder, "image"))
    if PLACEHOLDER in written:  # the name is filled in later
        return Image(name=written)
    known = context.named_images
    if written not in known:
        hint: Hint = partial(did_you_mean, written, [*known, "none"], "`labctl image list` shows them")
        if (context.folder / written).is_file():
            hint = f"a path has a slash: ./{written}"
        context.problems.at(holder, "image", f"no image is called {written}", hint)
    return Image(name=written)


def _described(context: ReadContext, tree: Map) -> Image | None:
    digests = [key for key in ("sha256", "sha512") if key in tree]
    if "path" in tree:
        for key in digests:
            context.problems.at_key(tree, key, f"{key} goes with url, not with path", "leave it out")
        return Image(path=context.file(tree, "path"))
    if "build" in tree:
        for key in digests:
            context.problems.at_key(tree, key, f"{key} goes with url, not with build", "leave it out")
        return _build(context, tree["build"])
    if was_removed(tree, "sha256", "sha512"):
        return None
    if len(digests) != 1:
        found = "none is given" if not digests else "both are given"
        context.problems.at(tree, "url", f"an image's URL needs one digest, {found}", "add sha256 or sha512")
        return None
    return Image(url=tree["url"], algorithm=digests[0], digest=tree[digests[0]].lower())  # type: ignore[arg-type]


def _build(context: ReadContext, tree: Map) -> Image:
    """Read `image.build`, and report its problems at the fields that they belong to."""
    files = []
    for each in tree.get("files") or ():
        source = context.file(each, "source") if "source" in each else None
        files.append(File(each["target"], source, each.get("content"), int(each.get("mode", "0644"), 8)))
    recipe = ImageBuild(
        distribution=tree.get("distribution", "debian"),
        suite=tree["suite"],
        packages=tuple(tree.get("packages") or ()),
        size=whole_size(tree, "size", "MiB", context.problems) if "size" in tree else 4 << 30,
        files=tuple(files),
        run=tuple(tree.get("run") or ()),
        bootable=tree.get("bootable", False),
    )
    _check_run(context, tree, recipe)
    stated = json.dumps(plain(tree), sort_keys=True)
    for problem in recipe.problems():
        *path, key = (int(part) if part.isdecimal() else part for part in problem.path.split("."))
        holder: Any = tree
        for part in path:
            holder = holder[part]
        if PLACEHOLDER not in str(holder[key]):  # else it is looked at once that is filled in
            context.problems.at(holder, key, problem.summary, problem.hint)
    return Image(build=recipe, digest=hashlib.sha256(stated.encode()).hexdigest())


def _check_run(context: ReadContext, tree: Map, recipe: ImageBuild) -> None:
    """Report the lines of `run` with a command that can't run in the new root, where they begin."""
    brought = tuple(Brought(each.target, each.source, each.mode) for each in recipe.files if each.source)
    guest = GuestFiles(brought, tuple(each.target for each in recipe.files if not each.source))
    for index, line in enumerate(recipe.run):
        if wrong := guest.problem(line, context.folder, "/"):
            context.problems.at(tree["run"], index, wrong.summary, wrong.hint)
        guest = guest.then(Shell(line))


def read_disks(context: ReadContext, tree: Map, image: Image | None) -> tuple[Disk, ...]:
    """Read the root disk (`disk`) and `disks`. Two disks with the same name or serial are reported."""
    disks: list[Disk] = []
    if image is not None or "disk" in tree or was_removed(tree, "image", "disk"):
        disks.append(_root(context, tree, image))
    holders: list[tuple[Seq | Map, Any]] = [(tree, "disk")] * len(disks)
    listed = tree.get("disks") or Seq(tree.mark)
    for index, entry in enumerate(listed):
        for disk in _disk(context, entry):
            disks.append(disk)
            holders.append((listed, index))
    if len(disks) > _MOST_DISKS:
        context.problems.at(tree, "disks", f"{len(disks)} disks are more than a VM can have", "256 at most")
        return tuple(disks[:1])
    _unique(context, disks, holders)
    return tuple(disks)


def _root(context: ReadContext, tree: Map, image: Image | None) -> Disk:
    written = tree.get("disk")
    if isinstance(written, Map):
        disk = Disk("root", _size(context, written, "size"), image, **_options(written))
        if "size" not in written.marks and tree.get("image") == "none":
            context.problems.at(tree, "disk", "a disk without an image needs a size")
        return disk
    return Disk("root", _size(context, tree, "disk"), image)


def _disk(context: ReadContext, entry: Map) -> list[Disk]:
    name, volume = entry["name"], entry.get("volume")
    image = read_image(context, entry) if "image" in entry else None
    if volume is not None:
        _volume(context, entry)
    elif not entry.marks.keys() & {"size", "image", "volume"}:
        context.problems.at(entry, "name", "this disk needs a size", "or an image, or a volume")
    made = Disk(name, _size(context, entry, "size"), None if volume else image, volume, **_options(entry))
    if "count" not in entry:
        return [made]
    options = _options(entry)
    serial = options.pop("serial", None)
    return [
        Disk(f"{name}-{number}", made.size, made.image, **options, serial=serial and f"{serial}-{number}")
        for number in range(1, int(entry["count"]) + 1)
    ]


def _volume(context: ReadContext, entry: Map) -> None:
    if entry["volume"] not in context.volumes:
        hint = partial(did_you_mean, entry["volume"], context.volumes, "write it under volumes")
        context.problems.at(entry, "volume", f"there is no volume {entry['volume']}", hint)
    for key in ("size", "image", "count"):
        if key in entry:
            context.problems.at_key(
                entry, key, f"{key} can't be set on a volume's disk", "a volume has its own size"
            )


def _options(tree: Map) -> dict[str, Any]:
    return {key: tree[key] for key in ("bus", "cache", "discard", "serial") if key in tree}


def _size(context: ReadContext, holder: Map, key: str) -> int | None:
    if key not in holder:
        return None
    return whole_size(holder, key, "KiB", context.problems)


def _unique(context: ReadContext, disks: list[Disk], holders: list[tuple[Seq | Map, Any]]) -> None:
    names: set[str] = set()
    volumes: set[str | None] = set()
    serials: dict[str, str] = {}
    for disk, (holder, key) in zip(disks, holders, strict=True):
        serial = disk.serial or disk.name
        if key != "disk" and (refusal := reserved_names.refusal("disk", disk.name)):
            context.problems.at(holder, key, *refusal)
        elif disk.name in names:
            context.problems.at(holder, key, f"two disks are called {disk.name}", "give it another name")
        elif serial in serials:
            context.problems.at(
                holder, key, f"the disks {serials[serial]} and {disk.name} have the same serial {serial}"
            )
        elif PLACEHOLDER not in serial and len(serial) > (shown := _SERIAL_SHOWN[disk.bus]):
            summary = f"{disk.bus} shows {shown} characters of the serial {serial}"
            context.problems.at(holder, key, summary, "give it a short one by serial")
        elif disk.volume and disk.volume in volumes:
            context.problems.at(holder, key, f"the volume {disk.volume} is a disk of this VM already")
        names.add(disk.name)
        volumes.add(disk.volume)
        serials.setdefault(serial, disk.name)
