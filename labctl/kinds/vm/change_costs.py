"""What a change of a VM costs in the state that the VM is in. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.lifecycle import State
from labctl.core.record import replace
from labctl.core.spec import Effect
from labctl.kinds.vm.filesystems import VIRTIOFS
from labctl.kinds.vm.transitions import transition

if TYPE_CHECKING:
    from collections.abc import Collection

    from labctl.core.diff import Change
    from labctl.kinds.vm.spec import VmSpec


def assessed(vm: VmSpec, before: VmSpec, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The changes from `before` to this VM, with their effects and notes.

    Saved memory fits only the devices with which it was saved, so a change of these costs a restart. A kernel that only
    lies elsewhere is read from there at the next start.
    """
    serves = {use.key for use in before.filesystems if use.driver == VIRTIOFS}
    changes = tuple(
        replace(each, effect=Effect.LIVE) if _is_moved(each) or _unplugs(each, serves) else each
        for each in changes
    )
    if before.state == State.SAVED:
        changes = tuple(
            replace(each, effect=max(each.effect, Effect.RESTART)) if _is_device(each.field) else each
            for each in changes
        )
    effect = max(change.effect for change in changes)
    if effect is Effect.REPLACE:
        return changes
    way = transition(before.state, vm.state, restart=effect is Effect.RESTART)
    return tuple(replace(each, note=way.plan) if each.field == "state" else each for each in changes)


def _is_moved(change: Change) -> bool:
    """Whether a kernel or an initrd has another path and the same content, which its name is the digest of."""
    before, after = (str(path).rpartition("/")[2] for path in (change.before, change.after))
    return change.field in ("kernel", "initrd") and before == after


def _unplugs(change: Change, serves: Collection[str]) -> bool:
    """Whether the change takes a virtiofs device away; `serves` are the tags of these."""
    kind, _, tag = change.field.partition(".")
    return kind == "filesystems" and change.after is None and tag in serves


def _is_device(field: str) -> bool:
    """Whether the field belongs to the devices or the memory of the guest."""
    return field == "memory" or (
        field.startswith(("disks.", "disk/", "nics.", "filesystems.")) and not field.endswith(".guest")
    )
