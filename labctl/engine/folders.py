"""Composes the folders of VMs: how each gets into its guest, and the devices of those that are mounted. Pure."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from labctl.core.record import record
from labctl.engine.allocation import reached
from labctl.kinds.folder.spec import RSYNC, FolderSpec
from labctl.kinds.vm.filesystems import VIRTIOFS, FilesystemUse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from labctl.engine.allocation import Allocation
    from labctl.host.files.trees import Tree
    from labctl.labfile.model import Folder, LabModel, Vm

WRITTEN = "as the Labfile says"


@record
class Sharing:
    """What is known of a host and of the folders that VMs on it have.

    `without_virtiofs` says why it can't serve folders by virtiofs; it is empty if it can. `trees` has what is in each
    folder.
    """

    without_virtiofs: str
    trees: Mapping[Path, Tree]


def folder_specs(
    lab: LabModel, vm: Vm, sharing: Sharing | None, allocation: Allocation
) -> Iterator[FolderSpec]:
    """The folders of a VM; none of one that is to be off, since nothing can be done in it."""
    if vm.state != "running":
        return
    for folder in vm.folders:
        kind, why = chosen(folder, sharing, saved=lab.warm)
        tree = sharing.trees.get(folder.source) if sharing else None
        copied = kind == RSYNC
        yield FolderSpec(
            lab.name,
            vm.name,
            folder.target,
            str(folder.source),
            kind,
            folder.readonly,
            (folder.owner or vm.user) if copied else "",
            folder.exclude,
            tree.digest if tree and copied else None,
            why,
            vm.base,
            vm.user,
            next((str(ip) for nic, ip in reached(vm, allocation) if nic.link == "up"), ""),
        )


def filesystems(folders: Iterable[FolderSpec]) -> tuple[FilesystemUse, ...]:
    """The devices of the folders that are mounted."""
    return tuple(
        FilesystemUse(each.tag, each.source, each.type, each.readonly) for each in folders if each.mounted
    )


def chosen(folder: Folder, sharing: Sharing | None, *, saved: bool = False) -> tuple[str, str]:
    """The type of a folder, and why (docs/adr/0037); `saved` says whether its VM is to be saved with its memory."""
    if folder.type != "auto":
        return folder.type, WRITTEN
    tree = sharing.trees.get(folder.source) if sharing else None
    for asked, why in (
        (folder.exclude, "only rsync leaves files out"),
        (folder.owner, "only rsync sets an owner"),
        (folder.readonly, "libvirt can't hold a guest off from writing by virtiofs"),
        (saved, "memory can't be saved with a mounted folder"),
        (tree and tree.keys, "it has .labctl, which only rsync leaves out"),
        (sharing and sharing.without_virtiofs, sharing.without_virtiofs if sharing else ""),
    ):
        if asked:
            return RSYNC, f"a copy, since {why}"
    return VIRTIOFS, "the host can"


def led_astray(
    wanted: Iterable[FolderSpec], existing: Iterable[FolderSpec]
) -> Iterator[tuple[FolderSpec, FolderSpec]]:
    """The folders that a guest could make lead elsewhere on the host, each with the folder by which it could.

    Who may write to a folder may put links into it. What serves or copies a folder below it would follow them, and
    rsync also those that come while it copies. A VM's own folder is no exception: it is served anew at each start.
    """
    wanted = list(wanted)
    writers = [(each, True) for each in wanted] + [(each, False) for each in existing]
    at: dict[str, list[FolderSpec]] = {}  # who writes to the folder
    below: dict[str, list[FolderSpec]] = {}  # or to one below it
    for each, soon in writers:
        if each.mounted and not each.readonly:
            at.setdefault(each.source, []).append(each)
            for parent in PurePath(each.source).parents if soon else ():
                below.setdefault(str(parent), []).append(each)
    copied_too = {each.source: [each] for each in wanted if each.mounted and not each.readonly}
    for each in wanted:
        above = [writer for parent in PurePath(each.source).parents for writer in at.get(str(parent), ())]
        same = [] if each.mounted else copied_too.get(each.source, [])
        for writer in (*above, *below.get(each.source, ()), *same):
            if writer.address != each.address:
                yield each, writer
                break
