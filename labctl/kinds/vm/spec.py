"""A VM: a libvirt domain (https://libvirt.org/formatdomain.html)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from labctl.core import identity
from labctl.core.edits import Edit, describe_edit
from labctl.core.lifecycle import ACTIVE, Stage, State
from labctl.core.marked import Marked
from labctl.core.questions import Chain
from labctl.core.record import field, record, replace
from labctl.core.spec import BriefPart, Effect, Need, owned
from labctl.core.verbs import CREATE, DELETE, UPDATE, Verb
from labctl.guest.nic_config import NicConfig
from labctl.kinds import addresses
from labctl.kinds.vm.needs import lets_go, needs
from labctl.kinds.vm.targets import with_targets
from labctl.kinds.vm.transitions import transition
from labctl.kinds.vm.uses import OWN, UNTOLD, Check, DiskUse, NicUse, left_files
from labctl.kinds.vm.verbs import BOOTED, READY, RECONFIGURE_GUEST, RELEASE, START

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from xml.etree.ElementTree import Element

    from labctl.core.address import Address
    from labctl.core.diff import Change
    from labctl.core.ip import IpAddress
    from labctl.core.spec import Spec

LIVE, RESTART, REPLACE = Effect.LIVE, Effect.RESTART, Effect.REPLACE


@record
class VmSpec(Marked):
    """Memory is bytes. None in an owned field leaves the choice to libvirt.

    `snapshots` are those that someone made of it, as (name, "internal" or "external"). `state` follows
    `kinds.vm.transitions`. `ready` is True once labctl saw this boot ready; it lives in the running domain's metadata
    and goes with it. `awaited` is whether anything tells that it is ready, a seed's script or a condition; a VM without
    is running, and no more is known of it. `hosts` is the digest of the names that the guest's hosts file was given,
    `seed` that of its seed, `keys` that of the keys it was given, all in the metadata. `keyed` is False while the lab's
    local folder lacks the keys to log in with. `problem` is why it did not become ready. `heard` is False where its
    guest reports other addresses than are noted.
    """

    kind: ClassVar[str] = "vm"
    word: ClassVar[str] = "VM"
    rank: ClassVar[int] = 6
    libvirt_object: ClassVar[str] = "domain"
    holds_data: ClassVar[bool] = True
    has_disks: ClassVar[bool] = True

    lab: str
    name: str
    cpus: int = owned(RESTART, default=1)
    memory: int = owned(LIVE, unit="bytes", default=1 << 30)
    max_memory: int = owned(RESTART, unit="bytes", default=1 << 30)
    disks: tuple[DiskUse, ...] = owned(LIVE, default=())
    nics: tuple[NicUse, ...] = owned(LIVE, default=())
    arch: str | None = owned(REPLACE, default=None, unset=OWN)
    accel: str = owned(RESTART, default="kvm")  # libvirt's domain type: kvm, qemu, test
    machine: str | None = owned(RESTART, default=None, unset=OWN)
    cpu_mode: str | None = owned(RESTART, default=None, unset=OWN)
    cpu_model: str | None = owned(RESTART, default=None, unset=OWN)
    cpu_topology: str | None = owned(RESTART, default=None, unset=OWN)  # "sockets:cores:threads"
    cpu_features: tuple[str, ...] | None = owned(RESTART, default=None)
    # What QEMU keeps of translated code. A VM that was started without such a bound gets it at its next start
    tb_cache: int | None = owned(RESTART, unit="bytes", default=None, unset="QEMU's own", gain=LIVE)
    firmware: str = owned(REPLACE, default="bios")
    secure_boot: bool = owned(REPLACE, default=False)
    tpm: bool = owned(RESTART, default=False)
    kernel: str = owned(RESTART, default="")
    initrd: str = owned(RESTART, default="")
    cmdline: str = owned(RESTART, default="")
    graphics: str = owned(RESTART, default="none")
    autostart: bool = owned(LIVE, default=False)
    protect: bool = owned(LIVE, default=False)
    hosts: str | None = owned(LIVE, unit="digest", default=None, drift=UNTOLD)
    xml: tuple[Edit, ...] = owned(RESTART, default=(), each=describe_edit)
    file: str = owned(LIVE, default="", condition="made from another Labfile")  # the Labfile's path
    # libvirt's name for it, where somebody changed that
    renamed: str = owned(RESTART, default="", condition="renamed outside labctl", unset="its own name")
    unmarked: str = owned(LIVE, default="", condition="labctl's mark on it was removed")
    undefined: str = owned(LIVE, default="", condition="not defined any more")
    state: State = owned(LIVE, default=State.RUNNING, condition="not in the state that is wanted")
    ready: bool | None = owned(LIVE, default=None, condition="not seen ready since it started")
    awaited: bool = owned(LIVE, default=True, condition="what tells that it is ready came or went")
    heard: bool | None = owned(LIVE, default=True, condition="its guest has other addresses than it told")
    host_lines: tuple[str, ...] = ()  # what `hosts` is the digest of: "10.0.0.2 db db.shop.lab"
    checks: tuple[Check, ...] = ()  # the `ready` conditions
    timeout: float = 300.0  # seconds from its start until it has to be ready
    keyed: bool | None = owned(LIVE, default=None, condition="its keys in .labctl/ were lost")
    snapshots: tuple[tuple[str, str], ...] = ()
    keys: str = ""
    problem: str = ""
    console_log: str = ""
    seed: str = ""
    images: tuple[str, ...] = ()  # address names of images whose kernel or initrd it boots
    after: tuple[tuple[str, Stage], ...] = ()  # depends_on: (VM, stage)
    base: str = ""  # the VM as written, for `status` and groups
    user: str = ""  # whom `ssh` logs in as
    foreign: bool = field(default=False, repr=False, compare=False)  # of another architecture than the host
    applied: str = ""
    unedited: VmSpec | None = None  # what to render before the edits, which all else has in it

    @property
    def address(self) -> Address:
        return addresses.vm(self.name)

    @property
    def stated(self) -> tuple[str, ...]:
        return ("vms", self.name)

    @property
    def written(self) -> tuple[str, ...]:
        return ("vms", self.base or self.name)

    @property
    def networks(self) -> frozenset[str]:
        """Those of its NICs, once it runs."""
        return frozenset(nic.ours for nic in self.nics) if self.state == State.RUNNING else frozenset()

    @property
    def host_memory(self) -> int:
        """The memory of the host, in bytes, that it takes while it runs or is paused, with its translated code."""
        return self.memory + (self.tb_cache or 0) if self.state in ACTIVE else 0

    def memory_growth(self, before: VmSpec | None) -> int:
        had, takes = before.host_memory if before else 0, self.host_memory
        if before and had and takes and before.tb_cache is None:
            takes -= self.tb_cache or 0  # it runs without a bound, and has this one from its next start on
        return takes - had

    def done(self, changes: Collection[Change]) -> str:
        """What was done to it where nothing but its state changed."""
        if not changes or any(each.field not in ("state", "ready") for each in changes):
            return ""
        states = [(each.before, each.after) for each in changes if each.field == "state"]
        ways = [transition(State(str(before)), State(str(after))) for before, after in states]
        return ways[0].done if ways else "found ready"

    def rendered(self) -> Element:
        from labctl.kinds.vm.xml import render  # few VMs have edits

        return render(replace(self, xml=()))

    def edited(self) -> VmSpec:
        from labctl.kinds.vm.xml import effective  # few VMs have edits

        return effective(self)

    @property
    def libvirt_name(self) -> str:
        return self.renamed or identity.libvirt_name(self.lab, self.name)

    @property
    def uuid(self) -> str:
        """The UUID of its domain."""
        return identity.object_uuid(self.lab, self.kind, self.name)

    @property
    def scripted(self) -> bool:
        """Whether labctl's script runs in the guest: it comes with the seed."""
        return any(use.name == "seed" for use in self.disks)

    @property
    def reports(self) -> bool:
        """Whether only its guest knows its addresses, or some of them."""
        return self.state == State.RUNNING and any(nic.guest.dhcp4 for nic in self.nics)

    def with_seen(self, addresses: Callable[[str], tuple[IpAddress, ...]]) -> VmSpec:
        """The VM with the addresses that its guest reports, given by a NIC's MAC, where others give them."""
        nics = (replace(nic, seen=addresses(nic.mac)) if nic.guest.dhcp4 else nic for nic in self.nics)
        return replace(self, nics=tuple(nics))

    def needs(self) -> tuple[Need, ...]:
        return needs(self)

    def lets_go(self, after: Spec | None) -> Collection[Address]:
        return lets_go(self, after if isinstance(after, VmSpec) else None)

    def brief(self) -> tuple[BriefPart, ...]:
        from labctl.kinds.vm.brief import brief  # only plans of new VMs need it

        return brief(self)

    def verbs(self, effect: Effect | None, before: Spec | None) -> tuple[Verb[Any], ...]:
        """RELEASE lets go of devices that leave, so that their network or disk can go; UPDATE brings the rest."""
        if effect in (None, REPLACE) or not isinstance(before, VmSpec):
            comes = self._begun(transition(State.OFF, self.state).begins)
            return (CREATE, *comes) if effect is None else (DELETE, CREATE, *comes)
        way = transition(before.state, self.state, restart=effect is RESTART)
        begins = way.begins
        if self.state == State.RUNNING and self.awaited and not before.ready:
            begins = begins or START  # it runs and is still on its way
        told = (RECONFIGURE_GUEST,) if self.scripted and self.state == State.RUNNING else ()
        return (way.ends or RELEASE, UPDATE, *(self._begun(begins) or told))

    def _begun(self, verb: Verb[Any] | None) -> tuple[Verb[Any], ...]:
        """A verb that lets it run or pauses it, with what follows until it is ready."""
        follows = self.awaited and self.state == State.RUNNING
        return (verb, *((BOOTED, READY) if follows else ())) if verb else ()

    def keep(self, before: VmSpec) -> VmSpec:
        """Take over what is not the Labfile's: the disks' targets, and where a disk went on after a snapshot."""
        return self.onward(before).with_targets({use.name: use.target for use in before.disks})

    def onward(self, before: VmSpec) -> VmSpec:
        """With its disks where what exists has them."""
        had = {use.name: use for use in before.disks}
        return replace(
            self,
            disks=tuple(use.onward(had.get(use.name)) for use in self.disks),
            unedited=self.unedited and self.unedited.onward(before),
        )

    def anew(self, made: Collection[Address]) -> VmSpec:
        """A disk that is made anew has nothing on top of it."""
        return replace(
            self,
            disks=tuple(use.anew() if addresses.disk(use.disk) in made else use for use in self.disks),
            unedited=self.unedited and self.unedited.anew(made),
        )

    def refusal(self, before: Spec) -> str:
        return transition(before.state, self.state).refused if isinstance(before, VmSpec) else ""

    def assessed(self, before: Spec, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Saved memory fits nothing but the devices that it was saved with; and a change of the state says how."""
        if not isinstance(before, VmSpec):
            return changes
        if before.state == State.SAVED:
            changes = tuple(
                replace(each, effect=max(each.effect, RESTART)) if _is_device(each.field) else each
                for each in changes
            )
        effect = max(change.effect for change in changes)
        if effect is REPLACE:
            return changes
        way = transition(before.state, self.state, restart=effect is RESTART)
        return tuple(replace(each, note=way.plan) if each.field == "state" else each for each in changes)

    def loss(self, before: Spec, effect: Effect) -> str:
        """A disk that is taken off its file loses what is there, unless the other file stands on it."""
        if not isinstance(before, VmSpec):
            return ""
        files = left_files(before.disks, self.disks)
        lost = [f"what is in {', '.join(files)}"] if files else []
        if effect is not REPLACE:
            lost += filter(None, [transition(before.state, self.state, restart=effect is RESTART).loses])
        return " and ".join(lost)

    def chains(self) -> tuple[Chain, ...]:
        return tuple(Chain(self.name, use.name, use.disk, (use.source, *use.below)) for use in self.disks)

    def as_it_runs(self, live: VmSpec, wanted: VmSpec | None) -> VmSpec:
        from labctl.kinds.vm.running import as_it_runs  # only of what runs

        return as_it_runs(self, live, wanted)

    def with_choices(self, existing: Mapping[Address, Spec], comparable: Callable[[str], bool]) -> VmSpec:
        """Its disks stay what they are called and where they are; so does a digest made with a key that was lost."""
        before = existing.get(self.address)
        if not isinstance(before, VmSpec):
            return self.with_targets({})
        kept = self.keep(before)
        return replace(kept, seed=before.seed) if before.seed and not comparable(before.seed) else kept

    def with_keys(self, fits: Callable[[str, str, str], bool], existing: Mapping[Address, Spec]) -> VmSpec:
        del existing
        return replace(self, keyed=fits(self.name, self.file, self.keys))

    def completed(self, wanted: VmSpec, defined: Mapping[Address, Spec]) -> VmSpec:
        """Take what only labctl's mark tells for what is wanted: nobody knows it any more, and the rest still shows."""
        if not defined[self.address].unmarked:
            return self
        guest = {nic.name: nic.guest for nic in wanted.nics}
        told = {name: getattr(wanted, name) for name in _MARK}
        return replace(
            self,
            nics=tuple(replace(nic, guest=guest.get(nic.name, NicConfig())) for nic in self.nics),
            **told,
        )

    def with_targets(self, taken: dict[str, str]) -> VmSpec:
        """Give each disk its target: the one it has, else the first free one of its bus."""
        return replace(self, disks=with_targets(self.disks, taken))


_MARK = ("awaited", "file", "machine", "seed", "hosts", "protect", "xml", "images", "after", "base", "user")


def _is_device(field: str) -> bool:
    """Whether a change of this field is one of the devices or the memory that its guest has."""
    return field == "memory" or (
        field.startswith(("disks.", "disk/", "nics.")) and not field.endswith(".guest")
    )
