"""A provisioning step: something that is done once in a guest, or in several, after it has booted.

What was done is known by a record in the metadata of each VM's domain (`core.records`): its key is the step's identity,
so that a step which is inserted before it changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from labctl.core import identity
from labctl.core.lifecycle import Stage
from labctl.core.record import field, record, replace
from labctl.core.spans import spans
from labctl.core.spec import BriefPart, Effect, Need, Spec, owned
from labctl.kinds import addresses
from labctl.kinds.provision.verbs import RUN
from labctl.kinds.provision.work import Ansible

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from labctl.core.address import Address
    from labctl.core.diff import Change
    from labctl.core.records import Record
    from labctl.core.verbs import Verb
    from labctl.kinds.provision.work import Work

DUE = "due"
DIGEST = "digest"  # in the record of a step that is done


@record
class Target:
    """A VM in which a step is done. `index` is a text, empty for a VM without `count`."""

    vm: str
    lab: str
    index: str = ""

    @property
    def libvirt_name(self) -> str:
        return identity.libvirt_name(self.lab, self.vm)


@record
class ProvisionSpec(Spec):
    """The spec of a step of a VM. `place` counts from 1; `key` is the step's identity, `name` people's name for it.

    `on` are the VMs in which it is done. `digest` is a keyed digest of all that matters to it; it is compared only if
    the step runs when that changed. `due` says that it runs each time, `again` that somebody asked for it. `after` has
    the objects that have to be there before it, beside the VM.
    """

    kind: ClassVar[str] = "provision"
    word: ClassVar[str] = "provisioning step"
    rank: ClassVar[int] = 9
    has_amounts: ClassVar[bool] = False

    vm: str
    place: int
    key: str = ""
    name: str = ""
    on: tuple[str, ...] = owned(Effect.LIVE, default=(), condition="not done on all of its VMs")
    digest: str | None = owned(Effect.LIVE, default=None, unit="digest", condition="its content changed")
    due: bool = owned(Effect.LIVE, default=False, condition="runs each time")
    again: bool = owned(Effect.LIVE, default=False, condition="asked for")
    work: Work | None = None
    content: str = ""  # the digest, whether it is compared or not
    user: str = "root"
    env: tuple[tuple[str, str], ...] = ()
    reboot: bool = False  # whether its guests are restarted after it
    targets: tuple[Target, ...] = ()
    before: tuple[int, ...] = ()  # places of the steps that come first, of the same VM or of the lab
    after: tuple[Address, ...] = ()
    played: str = ""  # the digest of a playbook's folder when it was asked for
    left_out: tuple[Path, ...] = ()  # what does not count in that folder
    access: object = field(default=None, repr=False, compare=False)  # for a playbook: `access.Access`

    @property
    def address(self) -> Address:
        return addresses.provision(self.vm, self.place)

    @property
    def stated(self) -> tuple[str, ...]:
        return ("vms", self.vm, "provision") if self.vm else ("provision",)

    @property
    def given_name(self) -> str:
        return self.name

    def needs(self) -> tuple[Need, ...]:
        vms = [
            Need(addresses.vm(each.vm), until=Stage.BOOTED, on_replace=Effect.LIVE) for each in self.targets
        ]
        # a VM that only changes reaches no stage, so its change is waited for too
        changed = [Need(addresses.vm(each.vm)) for each in self.targets]
        earlier = [Need(addresses.provision(self.vm, place)) for place in self.before]
        return (*vms, *changed, *earlier, *(Need(each) for each in self.after))

    def verbs(self, effect: Effect | None, before: Spec | None) -> tuple[Verb[Any], ...]:
        del effect, before
        return (RUN,)

    def done(self, changes: Collection[Change]) -> str:
        del changes
        return f"{self.given_name} done".lstrip()

    def recurs(self, changes: Collection[Change]) -> bool:
        return bool(changes) and all(each.field == DUE for each in changes)

    def brief(self) -> tuple[BriefPart, ...]:
        where = f"on {spans(self.on)}" if not self.vm else ""
        after = "then restarts the guest" if self.reboot else ""
        return tuple(BriefPart(text) for text in (self.summary, where, after) if text)

    @property
    def summary(self) -> str:
        """What it does, in a few words; empty where its name says it."""
        return "" if self.name or self.work is None else self.work.summary

    @property
    def speakers(self) -> tuple[str, ...]:
        """The names before the lines that it says: those of its VMs. One playbook speaks for several under its own."""
        return (*self.on, self.speaker_of(self.on)) if isinstance(self.work, Ansible) else self.on

    def speaker_of(self, vms: Collection[str]) -> str:
        """The name before the lines of a playbook that is played against these VMs."""
        return next(iter(vms)) if len(vms) == 1 else self.name or "ansible"

    def with_choices(
        self, existing: Mapping[Address, Spec], comparable: Callable[[str], bool]
    ) -> ProvisionSpec:
        """Keep a digest that was made with a lost key, since it can't be compared."""
        had = existing.get(self.address)
        if isinstance(had, ProvisionSpec) and self.digest and had.digest and not comparable(had.digest):
            return replace(self, digest=had.digest)
        return self

    def as_done(self, records: Mapping[str, Record]) -> ProvisionSpec | None:
        """The step as it was done, given the record of each VM that has one; None where none has."""
        found = {vm: records[vm] for vm in self.on if DIGEST in records.get(vm, {})}  # else it failed there
        if not found:
            return None
        digests = [each[DIGEST] for each in found.values()]
        other = next((each for each in digests if each != self.content), self.content)
        return replace(self, on=tuple(found), digest=other, due=False, again=False)

    def where_to_run(self, existing: ProvisionSpec | None, changes: Collection[Change]) -> tuple[Target, ...]:
        """The VMs in which it is to be done: all, unless only some of them lack it."""
        replaced = {str(addresses.vm(each.vm)) for each in self.targets}
        changed = {each.field for each in changes}
        if existing is None or changed - replaced - {"on"}:
            return self.targets
        lacking = [str(addresses.vm(each.vm)) for each in self.targets if each.vm not in existing.on]
        return tuple(each for each in self.targets if str(addresses.vm(each.vm)) in {*changed, *lacking})


@record
class LabProvisionSpec(ProvisionSpec):
    """The spec of a step of the whole lab: it comes after the steps of the VMs."""

    rank: ClassVar[int] = 10
