"""A VM: a libvirt domain (https://libvirt.org/formatdomain.html)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from labctl.core.edits import Edit, describe_edit
from labctl.core.lifecycle import ACTIVE, Stage, State
from labctl.core.marked import Marked
from labctl.core.questions import Chain
from labctl.core.record import field, record, replace
from labctl.core.spec import BriefPart, Effect, Need, owned
from labctl.core.verbs import CREATE, DELETE, UPDATE, Verb
from labctl.guest.nic_config import NicConfig
from labctl.kinds import addresses
from labctl.kinds.vm.change_costs import assessed
from labctl.kinds.vm.disks_and_nics import OWN, UNTOLD, DiskUse, NicUse, ReadyCheck, SavedMemory, left_files
from labctl.kinds.vm.needs import lets_go, needs
from labctl.kinds.vm.savable import refusal
from labctl.kinds.vm.targets import with_targets
from labctl.kinds.vm.transitions import transition
from labctl.kinds.vm.verbs import AWAIT, BOOTED, READY, RECONFIGURE_GUEST, RELEASE, RESTORE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from xml.etree.ElementTree import Element

    from labctl.core.address import Address
    from labctl.core.diff import Change
    from labctl.core.errors import Problem
    from labctl.core.ip import IpAddress
    from labctl.core.records import Records
    from labctl.core.spec import Spec
    from labctl.kinds.vm.filesystems import FilesystemUse

LIVE, RESTART, REPLACE = Effect.LIVE, Effect.RESTART, Effect.REPLACE
SLOW = 4  # the factor for the times that a guest may take without KVM


@record
class VmSpec(Marked):
    """The spec of a VM. Memory is in bytes; None in an owned field leaves the choice to libvirt.

    `state` changes as `kinds.vm.transitions` says. `ready` is True once labctl saw this boot ready; the metadata of the
    running domain has it until the domain ends. `awaited` says whether the script of a seed or a condition tells when
    the VM is ready; of another VM only its state is known. The digests `hosts`, `seed` and `keys` are in the metadata:
    they are those of the names in the guest's hosts file, of the seed, and of the keys that the guest got. `keyed` is
    False if the lab's local folder lacks the keys for a login. `problem` says why the VM did not become ready. `heard`
    is False if the guest reports other addresses than the metadata have. `snapshots` are pairs of a name and `internal`
    or `external`. `saved` is the memory with which a new VM begins, in place of a boot.
    """

    kind: ClassVar[str] = "vm"
    word: ClassVar[str] = "VM"
    rank: ClassVar[int] = 7
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
    filesystems: tuple[FilesystemUse, ...] = owned(RESTART, default=())
    arch: str | None = owned(REPLACE, default=None, unset=OWN)
    accel: str = owned(RESTART, default="kvm")  # libvirt's domain type: kvm, qemu, test
    machine: str | None = owned(RESTART, default=None, unset=OWN)
    cpu_mode: str | None = owned(RESTART, default=None, unset=OWN)
    cpu_model: str | None = owned(RESTART, default=None, unset=OWN)
    cpu_topology: str | None = owned(RESTART, default=None, unset=OWN)  # "sockets:cores:threads"
    cpu_features: tuple[str, ...] | None = owned(RESTART, default=None)
    # QEMU's cache of translated code. A VM that was started without a limit gets the limit at its next start.
    tb_cache: int | None = owned(RESTART, unit="bytes", default=None, unset="QEMU's own", gain=LIVE)
    firmware: str = owned(REPLACE, default="bios")
    secure_boot: bool = owned(REPLACE, default=False)
    tpm: bool = owned(RESTART, default=False)
    kernel: str = owned(RESTART, default="")
    initrd: str = owned(RESTART, default="")
    cmdline: str = owned(RESTART, default="")
    graphics: str = owned(RESTART, default="none")
    exposed: str = owned(RESTART, default="", condition="its display is open to every user of the host")
    autostart: bool = owned(LIVE, default=False)
    protect: bool = owned(LIVE, default=False)
    hosts: str | None = owned(LIVE, unit="digest", default=None, drift=UNTOLD)
    xml: tuple[Edit, ...] = owned(RESTART, default=(), each=describe_edit)
    file: str = owned(LIVE, default="", condition="made from another Labfile")  # the Labfile's path
    # libvirt's name of the VM, if somebody changed it
    renamed: str = owned(RESTART, default="", condition="renamed outside labctl", unset="its own name")
    unmarked: str = owned(LIVE, default="", condition="labctl's mark on it was removed")
    undefined: str = owned(LIVE, default="", condition="not defined any more")
    state: State = owned(LIVE, default=State.RUNNING, condition="not in the state that is wanted")
    ready: bool | None = owned(LIVE, default=None, condition="not seen ready since it started")
    awaited: bool = owned(LIVE, default=True, condition="what tells that it is ready came or went")
    heard: bool | None = owned(LIVE, default=True, condition="its guest has other addresses than it told")
    host_lines: tuple[str, ...] = ()  # the lines of which `hosts` is the digest: "10.0.0.2 db db.shop.lab"
    checks: tuple[ReadyCheck, ...] = ()  # the `ready` conditions
    timeout: float = 300.0  # seconds that it may take from its start until it is ready
    keyed: bool | None = owned(LIVE, default=None, condition="its keys in .labctl/ were lost")
    snapshots: tuple[tuple[str, str], ...] = ()
    unsavable: tuple[str, ...] = field(default=(), repr=False, compare=False)  # see `kinds.vm.savable`
    saved: SavedMemory | None = None
    keys: str = ""
    problem: str = ""
    console_log: str = ""
    nvram: str = ""  # the path of the variables of its UEFI; empty where libvirt chooses it
    seed: str = ""
    images: tuple[str, ...] = ()  # address names of the images with its kernel and initrd
    after: tuple[tuple[str, Stage], ...] = ()  # depends_on: (VM, stage)
    folders: tuple[str, ...] = ()  # the targets of its folders, without which it is not ready
    waits: tuple[Need, ...] = field(
        default=(), compare=False
    )  # steps that come before it starts, or is ready
    base: str = ""  # the VM's name in the Labfile, which several instances share
    user: str = ""  # the user as whom `ssh` logs in
    foreign: bool = field(default=False, repr=False, compare=False)  # has another architecture than the host
    applied: str = ""  # the fingerprint of the spec last applied
    # what other kinds keep in the domain's metadata, by kind: no part of the VM
    records: Mapping[str, Records] = field(default_factory=dict, repr=False, compare=False)
    unedited: VmSpec | None = None  # the spec before the `xml:` edits, whose results the other fields have

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
        """The networks of its NICs; none unless the VM is to run."""
        return frozenset(nic.ours for nic in self.nics) if self.state == State.RUNNING else frozenset()

    @property
    def host_memory(self) -> int:
        """The host's memory in bytes that it takes while it runs or is paused, with QEMU's translated code."""
        return self.memory + (self.tb_cache or 0) if self.state in ACTIVE else 0

    @property
    def slowness(self) -> int:
        """The factor for the times that its guest may take."""
        return 1 if self.accel == "kvm" else SLOW

    def memory_growth(self, before: VmSpec | None) -> int:
        had, takes = before.host_memory if before else 0, self.host_memory
        if before and had and takes and before.tb_cache is None:
            takes -= self.tb_cache or 0  # it runs without a limit until its next start
        return takes - had

    def done(self, changes: Collection[Change]) -> str:
        """What was done to the VM, for a step that changed only its state; empty for others.

        A VM that is waited for is told what its guest does not know yet: that is part of being ready.
        """
        told = [each.field for each in changes if each.drift != UNTOLD]
        if not told or any(field not in ("state", "ready") for field in told):
            return ""
        states = [(each.before, each.after) for each in changes if each.field == "state"]
        ways = [transition(State(str(before)), State(str(after))) for before, after in states]
        return ways[0].done if ways else "ready"

    def rendered(self) -> Element:
        from labctl.kinds.vm.xml import render  # few VMs have edits

        return render(replace(self, xml=()))

    def edited(self) -> VmSpec:
        from labctl.kinds.vm.xml import effective  # few VMs have edits

        return effective(self)

    @property
    def scripted(self) -> bool:
        """Whether labctl's script runs in the guest, as it does in VMs with a seed."""
        return any(use.name == "seed" for use in self.disks)

    @property
    def reports(self) -> bool:
        """Whether only the guest knows some of its addresses."""
        return self.state == State.RUNNING and any(nic.guest.dhcp4 for nic in self.nics)

    def with_seen(self, addresses: Callable[[str], tuple[IpAddress, ...]]) -> VmSpec:
        """The spec with the addresses that the guest reported; `addresses` gives them by a NIC's MAC."""
        nics = (replace(nic, seen=addresses(nic.mac)) if nic.guest.dhcp4 else nic for nic in self.nics)
        return replace(self, nics=tuple(nics))

    def needs(self) -> tuple[Need, ...]:
        return needs(self)

    def lets_go(self, after: Spec | None) -> Collection[Address]:
        return lets_go(self, after if isinstance(after, VmSpec) else None)

    @property
    def begins_as(self) -> str:
        return self.saved.told if self.saved else ""

    def brief(self) -> tuple[BriefPart, ...]:
        from labctl.kinds.vm.plan_summary import plan_summary  # only plans of new VMs need it

        return plan_summary(self)

    def verbs(self, effect: Effect | None, before: Spec | None) -> tuple[Verb[Any], ...]:
        """The verbs of a step. RELEASE unplugs devices, whose networks or disks can then be deleted; UPDATE follows."""
        if effect in (None, REPLACE) or not isinstance(before, VmSpec):
            comes = self._begun(RESTORE if self.saved else transition(State.OFF, self.state).begins)
            return (CREATE, *comes) if effect is None else (DELETE, CREATE, *comes)
        way = transition(before.state, self.state, restart=effect is RESTART)
        begins = way.begins
        if self.state == State.RUNNING and self.awaited and not before.ready:
            begins = begins or AWAIT  # it runs, but labctl has not seen it ready
        told = (RECONFIGURE_GUEST,) if self.scripted and self.state == State.RUNNING else ()
        return (way.ends or RELEASE, UPDATE, *(self._begun(begins) or told))

    def _begun(self, verb: Verb[Any] | None) -> tuple[Verb[Any], ...]:
        """A verb that starts or pauses the VM, with the verbs that wait until it is ready."""
        follows = self.awaited and self.state == State.RUNNING
        return (verb, *((BOOTED, READY) if follows else ())) if verb else ()

    def keep(self, before: VmSpec) -> VmSpec:
        """Keep existing values that the Labfile does not state: the disks' targets, and overlays of snapshots."""
        return self.onward(before).with_targets({use.name: use.target for use in before.disks})

    def onward(self, before: VmSpec) -> VmSpec:
        """The spec with the overlays that the existing disks have."""
        had = {use.name: use for use in before.disks}
        return replace(
            self,
            disks=tuple(use.onward(had.get(use.name)) for use in self.disks),
            unedited=self.unedited and self.unedited.onward(before),
        )

    def anew(self, made: Collection[Address]) -> VmSpec:
        """The spec without overlays on disks that are made anew; `made` has the disks' addresses."""
        return replace(
            self,
            disks=tuple(use.as_applied if addresses.disk(use.disk) in made else use for use in self.disks),
            unedited=self.unedited and self.unedited.anew(made),
        )

    def refusal(self, before: Spec) -> Problem | None:
        return refusal(self, before) if isinstance(before, VmSpec) else None

    def assessed(self, before: Spec, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        return assessed(self, before, changes) if isinstance(before, VmSpec) else changes

    def loss(self, before: Spec, effect: Effect) -> str:
        """Say which data a change loses: those in a disk's old file, unless the new file is an overlay on it."""
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
        """Keep the disks' targets and overlays, and a digest that was made with a lost key."""
        before = existing.get(self.address)
        if not isinstance(before, VmSpec):
            return self.with_targets({})
        kept = self.keep(before)
        return replace(kept, seed=before.seed) if before.seed and not comparable(before.seed) else kept

    def with_keys(self, fits: Callable[[str, str, str], bool], existing: Mapping[Address, Spec]) -> VmSpec:
        del existing
        return replace(self, keyed=fits(self.name, self.file, self.keys))

    def completed(self, wanted: VmSpec, defined: Mapping[Address, Spec]) -> VmSpec:
        """Take the values that only labctl's metadata had from the wanted spec, if someone removed the metadata."""
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
        """Give each disk its existing target, or the first free one of its bus."""
        return replace(self, disks=with_targets(self.disks, taken))


_MARK = ("awaited", "file", "machine", "seed", "hosts", "protect", "xml", "images", "after", "base", "user")
