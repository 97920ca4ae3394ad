"""Reads `folders` of a VM, and reports what no guest can have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.labfile.context import FOLDER_READ, FOLDER_WRITE
from labctl.labfile.model import Folder
from labctl.labfile.placeholders import PLACEHOLDER
from labctl.labfile.yaml_tree import Seq

if TYPE_CHECKING:
    from labctl.labfile.context import ReadContext
    from labctl.labfile.yaml_tree import Map

__all__ = ["read_folders"]

# A guest without what it has there does not run, or nobody can log in to it
_SYSTEM = frozenset(
    ("bin", "boot", "dev", "etc", "home", "lib", "lib64", "opt", "proc", "root", "run", "sbin", "srv", "sys",
     "tmp", "usr", "var")
)  # fmt: skip
_RSYNC_ONLY = {
    "exclude": "only rsync can leave files out",
    "owner": "only rsync can give files another owner",
}


def read_folders(context: ReadContext, tree: Map, *, seeded: bool) -> tuple[Folder, ...]:
    """Read the folders of all layers."""
    listed = tree.get("folders") or Seq(tree.mark)
    if listed and not seeded:
        hint = "leave `cloud_init: false` out"
        context.problems.at_key(
            tree, "folders", "nothing in a VM without cloud-init can mount or receive them", hint
        )
    found: list[Folder] = []
    for place, entry in enumerate(listed):
        folder = _folder(context, entry, place)
        _check_target(context, entry, folder, found, tree.get("user", "lab"))
        _check_type(context, entry)
        found.append(folder)
    return tuple(found)


def _folder(context: ReadContext, entry: Map, place: int) -> Folder:
    readonly, kind = entry.get("readonly", False), entry.get("type", "auto")
    given = FOLDER_READ if readonly or kind == "rsync" else FOLDER_WRITE
    return Folder(
        context.shared_folder(entry, "source", given),
        entry["target"].rstrip("/") or "/",
        kind,
        readonly,
        entry.get("owner"),
        tuple(entry.get("exclude") or ()),
        place,
    )


def _check_target(context: ReadContext, entry: Map, folder: Folder, others: list[Folder], user: str) -> None:
    target = folder.target
    if PLACEHOLDER in target:
        return
    parts = target.split("/")[1:]
    if not target.startswith("/"):
        context.problems.at(entry, "target", f"{target} is not absolute", f"/srv/{target}")
    elif {"", ".", ".."} & {*parts} and target != "/":
        context.problems.at(entry, "target", f"{target} has a part that is empty, . or ..")
    elif target in ("/", f"/home/{user}") or (len(parts) == 1 and parts[0] in _SYSTEM):
        summary = f"{target} is the guest's own: what it has there would be gone"
        context.problems.at(entry, "target", summary, "name a folder below it")
    for other in others:
        if other.target == target:
            context.problems.at(entry, "target", f"two folders have the target {target}")
        elif f"{other.target}/".startswith(f"{target}/") or f"{target}/".startswith(f"{other.target}/"):
            context.problems.at(
                entry, "target", f"the targets {other.target} and {target} lie in one another"
            )


def _check_type(context: ReadContext, entry: Map) -> None:
    kind = entry.get("type", "auto")
    if kind not in ("virtiofs", "9p"):
        return
    for key, why in _RSYNC_ONLY.items():
        if key in entry:
            context.problems.at_key(entry, key, f"{key} does not go with {kind}: {why}", "type: rsync")
    if kind == "virtiofs" and entry.get("readonly"):
        hint = "type: 9p or rsync"
        context.problems.at_key(
            entry, "readonly", "libvirt can't hold a guest off from writing by virtiofs", hint
        )
