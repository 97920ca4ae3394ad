"""A folder of the host in a VM: mounted there, or copied by rsync. Its record is in the domain's metadata."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, ClassVar

from labctl.core.lifecycle import Stage
from labctl.core.record import field, record
from labctl.core.spec import BriefPart, Effect, Need, Spec, owned
from labctl.kinds import addresses

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from labctl.core.address import Address
    from labctl.core.records import Record, Records

RSYNC = "rsync"


def tag(target: str) -> str:
    """The name by which the guest finds the device of a folder: of a target it is always the same.

    virtiofs takes 36 bytes and 9p 32, of which a path may have more.
    """
    return f"labctl-{hashlib.sha256(target.encode()).hexdigest()[:16]}"


@record
class FolderSpec(Spec):
    """The spec of a folder. `source` and `target` are absolute paths, of the host and in the guest.

    `type` is virtiofs, 9p or rsync, and `why` says why that was chosen.
    With rsync, `chown` is the owner of the copies, and `content` a digest of what it copies.
    rsync logs in by SSH as `user`, at the address `login`; without one it goes over labctl's port.
    """

    kind: ClassVar[str] = "folder"
    rank: ClassVar[int] = 8

    lab: str
    vm: str
    target: str
    source: str = owned(Effect.LIVE, default="")
    type: str = owned(Effect.REPLACE, default=RSYNC)
    readonly: bool = owned(Effect.LIVE, default=False)
    chown: str = owned(Effect.LIVE, default="")
    exclude: tuple[str, ...] = owned(Effect.LIVE, default=())
    content: str | None = owned(
        Effect.LIVE, unit="digest", default=None, condition="what is in its source changed"
    )
    why: str = field(default="", compare=False)
    base: str = field(default="", compare=False)  # the VM's name in the Labfile
    user: str = field(default="", compare=False)
    login: str = field(default="", compare=False)

    @property
    def address(self) -> Address:
        return addresses.folder(self.vm, self.target)

    @property
    def inside(self) -> Address:
        return addresses.vm(self.vm)

    @property
    def stated(self) -> tuple[str, ...]:
        return ("vms", self.vm, "folders")

    @property
    def tag(self) -> str:
        return tag(self.target)

    @property
    def mounted(self) -> bool:
        return self.type != RSYNC

    def needs(self) -> tuple[Need, ...]:
        return (Need(addresses.vm(self.vm), until=Stage.BOOTED),)

    def lets_go(self, after: Spec | None) -> Collection[Address]:
        """The VM, whose device goes after the guest has unmounted it."""
        gone = not isinstance(after, FolderSpec) or after.type != self.type
        return {addresses.vm(self.vm)} if self.mounted and gone else ()

    def brief(self) -> tuple[BriefPart, ...]:
        options = ["read only"] * (self.readonly and self.mounted) + [f"owner {self.chown}"] * bool(
            self.chown
        )
        options += [f"without {', '.join(self.exclude)}"] * bool(self.exclude)
        how = f"{self.type} ({self.why})" if self.why else self.type
        return tuple(map(BriefPart, (how, *options, f"from {self.source}")))

    def recorded(self) -> Record:
        """What the metadata keep of it."""
        return {
            "source": self.source,
            "type": self.type,
            "why": self.why,
            "readonly": "yes" if self.readonly else "no",
            "owner": self.chown,
            "exclude": json.dumps(self.exclude),
            "content": self.content or "",
        }


def every(lab: str, vm: str, records: Mapping[str, Records]) -> list[FolderSpec]:
    """The folders of a VM, by the records in its metadata."""
    own = records.get(FolderSpec.kind, {})
    return [read(lab, vm, target, kept) for target, kept in own.items() if target.startswith("/")]


def read(lab: str, vm: str, target: str, kept: Record) -> FolderSpec:
    """The spec of what was made, by its record; what somebody took out of that counts as another value."""
    try:
        exclude = tuple(map(str, json.loads(kept.get("exclude", "[]"))))
    except (ValueError, TypeError):
        exclude = ()
    return FolderSpec(
        lab,
        vm,
        target,
        kept.get("source", ""),
        kept.get("type", RSYNC),
        kept.get("readonly") == "yes",
        kept.get("owner", ""),
        exclude,
        kept.get("content", "") or None,
        kept.get("why", ""),
    )
