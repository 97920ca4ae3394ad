"""Warm labs: `up` begins with what was saved of the lab, and saves it where it became ready for the first time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from labctl.app import made_from
from labctl.app.unsavable import unsavable
from labctl.core import identity
from labctl.core.errors import Problem, UsageError
from labctl.core.events import Diagnostic
from labctl.core.lifecycle import State
from labctl.core.plan import Action, steps_of
from labctl.core.record import record
from labctl.core.size import format_size
from labctl.core.spans import spans
from labctl.core.spec import find, of_kind
from labctl.engine import warm_key
from labctl.host.libvirt import pools
from labctl.kinds import addresses
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.vm.spec import VmSpec
from labctl.kinds.warm import states
from labctl.kinds.warm.spec import WarmDisk, WarmSpec, WarmVm
from labctl.report import phrases

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from labctl.app.prepare import DesiredState, Prepared
    from labctl.app.session import Session
    from labctl.core.address import Address
    from labctl.core.events import Sink
    from labctl.core.plan import Plan
    from labctl.core.spec import Spec
    from labctl.engine.allocation import Allocation
    from labctl.engine.compose import Site
    from labctl.engine.observe import Observed
    from labctl.labfile.model import LabModel


@record
class Warmth:
    """What a run knows of warm states.

    A lab that is not to be warm has nothing of this. One that begins with a state has just that: `state`, whose volumes
    are in the folder `store`. One that boots is `to_save`, with the digests of what it is made from; `notes` say why it
    boots although there is a state. The next look finds it made: `now` gives the digests anew, with a key for them.
    """

    state: WarmSpec | None = None
    store: str = ""
    to_save: warm_key.Parts | None = None
    now: Callable[[bytes], warm_key.Parts] | None = None
    notes: tuple[Problem, ...] = ()


def asked(session: Session) -> bool:
    """Whether the lab may begin with its warm state, and is saved."""
    return session.lab.warm if session.warm is None else session.warm


def refuse_some(vms: Collection[str]) -> None:
    """Refuse to save, bring back or remove what was saved of only some VMs.

    Raises:
        UsageError: there are such.
    """
    if vms:
        raise UsageError(
            "--warm is about the whole lab, not about some of its VMs",
            hint=f"leave out {spans(vms)}, or --warm",
        )


def look(
    session: Session,
    filled: LabModel,
    allocation: Allocation,
    sites: Callable[[Address], Site],
    observed: Observed,
) -> Warmth:
    """What the lab can begin with. `filled` is the Labfile with its references filled in.

    Raises:
        LabctlError: a file that goes into the lab can't be read.
    """
    if not asked(session):
        return Warmth()
    now = partial(made_from.parts, session, filled, allocation, sites)
    if not absent(observed):
        return Warmth(now=now)
    state = find(observed.specs, addresses.warm(session.lab.name), WarmSpec)
    reason = _against(session, state, now) if state else ""
    if state and not reason:
        return Warmth(state, store=observed.stores[session.hosts.of(state.address)])
    on = _on(state) if state else ""
    summary = f"the lab boots, and does not begin with what was saved of it{on}: {reason}"
    notes = (Problem(summary, severity="note"),) if reason else ()
    return Warmth(to_save=now(session.secret), notes=notes)


def absent(observed: Observed) -> bool:
    """Whether nothing of the lab exists that a warm state would bring back."""
    specs = observed.specs.values()
    return not any((*of_kind(specs, VmSpec), *of_kind(specs, DiskSpec)))


_DIFFERS = {
    "place": "its Labfile was another file",
    "Labfile": "the Labfile says something else now",
    "user": "another user saved it",
    "images": "its images are others now",
    "files": "what its provisioning steps copy or play is not the same now",
    "host": "libvirt, QEMU, a firmware or the CPU of the host is another one now",
    "addresses": "its addresses are others now, since a subnet that it had is taken",
}


def difference(had: warm_key.Parts, parts: warm_key.Parts) -> str:
    """What became of a lab with another key, in words. A labctl of another version knows other parts."""
    of_state = dict(had)
    different = next((name for name, digest in parts if of_state.get(name, digest) != digest), "")
    return _DIFFERS.get(different, "this labctl makes the lab in another way")


def _against(session: Session, state: WarmSpec, now: Callable[[bytes], warm_key.Parts]) -> str:
    """Why a lab can't begin with a warm state; empty if it can."""
    if state.problem:
        return state.problem
    parts = now(bytes.fromhex(state.secret))
    if state.key != warm_key.key(parts):
        return difference(state.parts, parts)
    if session.keys.secret() not in (None, bytes.fromhex(state.secret)):
        return f"{session.folder.path} has the keys of another lab"
    host = session.hosts.of(state.address)
    store = pools.find(host.virt, identity.STORE)
    if store is None or states.stamps(store, state) != state.stamps:
        return "some of its volumes, or of its images, are gone or were written to"
    return ""


def booting(session: Session, plan: Plan, existing: Mapping[Address, Spec], warmth: Warmth) -> list[Problem]:
    """Say of which new VMs nothing is brought back, since they are not the whole lab."""
    new = [step.spec for step in steps_of(plan.steps, VmSpec) if step.action is Action.CREATE]
    names = [vm.name for vm in new if vm.state is State.RUNNING]
    if not names or warmth.state or warmth.notes or not asked(session):
        return []
    state = find(existing, addresses.warm(session.lab.name), WarmSpec)
    if state is None or state.problem:
        return []
    verb = "boots" if len(names) == 1 else "boot"
    summary = f"{spans(names)} {verb}, as only a whole lab comes back from what was saved of it{_on(state)}"
    return [Problem(summary, severity="note")]


def begun(wanted: Mapping[Address, Spec], warmth: Warmth) -> dict[Address, Spec]:
    """The wanted specs, of a lab that begins with its warm state if there is one."""
    return warm_key.begun_with(warmth.state, wanted, warmth.store) if warmth.state else dict(wanted)


def keep_keys(session: Session, warmth: Warmth) -> None:
    """Write down the keys by which the guests of the warm state are known."""
    for vm in warmth.state.vms if warmth.state else ():
        session.keys.keep_host(vm.name, vm.private_key, vm.public_key)


def tell_gain(first: Prepared, seconds: float, sink: Sink) -> None:
    """Say how long the lab took to come back, and how long it took when it was made. `first` is the run's plan."""
    state = first.warm.state
    if state:
        now, then = phrases.seconds(seconds), phrases.seconds(state.took_s)
        sink(Diagnostic("note", f"the lab came back in {now}; to boot and provision it took {then}"))


def to_save(
    session: Session, first: Prepared, seconds: float, look: Callable[[], Prepared], sink: Sink
) -> DesiredState | None:
    """What saves a lab that has just become ready, all of it by this run; None where it is not to be saved.

    `first` is what the run was made from, `look` makes the same anew. The run took the `seconds`.
    """
    was = first.warm.to_save
    if was is None:
        _tell_unsaved(session, first, sink)
        return None
    again = look()
    specs = again.observed.specs.values()
    running = [vm for vm in of_kind(specs, VmSpec) if vm.state is State.RUNNING]
    problems = [problem for vm in running for problem in _unsavable(vm, again.observed.folder or "")]
    if again.plan.changes:
        others = ", ".join(str(step.address) for step in again.plan.steps if not step.recurs)
        problems.append(Problem(f"it is not as the Labfile says any more, see `labctl plan`: {others}"))
    if again.warm.now and again.warm.now(session.secret) != was:
        problems.append(Problem("what it is made from changed while it came up"))
    for each in problems:
        summary = f"{each.path}: {each.summary}".removeprefix(": ")
        sink(Diagnostic("note", f"the lab boots at the next `labctl up`, too: {summary}", each.hint))
    if problems or not running:
        return None
    sink(Diagnostic("note", "the lab is ready, and can be used; it is saved now, for the next `labctl up`"))
    state = WarmSpec(
        session.lab.name,
        warm_key.key(was),
        was,
        vms=tuple(WarmVm(vm.name) for vm in running),
        disks=tuple(WarmDisk(disk.name) for disk in of_kind(specs, DiskSpec) if disk.owner is None),
        secret=session.secret.hex(),
        took_s=round(seconds, 3),
    )
    return lambda _wanted, existing: {**existing, state.address: state}


def _tell_unsaved(session: Session, first: Prepared, sink: Sink) -> None:
    """Say that nothing is saved of a lab that another run began to make, as one that was interrupted."""
    if first.warm.now and not find(first.observed.specs, addresses.warm(session.lab.name), WarmSpec):
        summary = "the lab boots at the next `labctl up`, too: a part of it was there before this one"
        sink(Diagnostic("note", summary, "a lab is saved by the `up` that makes all of it"))


def tell_kept(prepared: Prepared, sink: Sink) -> None:
    """Say which warm state of the lab stays although the lab goes."""
    gone = {step.address for step in prepared.plan.steps if step.action is Action.DELETE}
    for state in of_kind(prepared.observed.specs.values(), WarmSpec):
        if state.address not in gone:
            begins = "" if state.problem else "the next `labctl up` begins with it; "
            summary = f"what was saved of the lab{_on(state)} stays, {format_size(state.size)}"
            sink(Diagnostic("note", summary, f"{begins}`labctl destroy --warm` removes it"))


def _on(state: WarmSpec) -> str:
    return f" on {state.moment}" if state.moment else ""


def _unsavable(vm: VmSpec, folder: str) -> Iterator[Problem]:
    """What stands against saving a VM for the next `up`; `folder` is that of the lab's pool."""
    yield from unsavable(vm, folder)
    if not vm.scripted:
        summary = "it can't be saved: without a seed nobody can set its clock"
        yield Problem(summary, str(vm.address), hint="leave `cloud_init: false` out")
    if vm.reports:  # its guest would go on with an address that somebody else may have by then
        nics = spans(nic.name for nic in vm.nics if nic.guest.dhcp4)
        summary = f"it can't be saved: it has an address from a DHCP server that is not labctl's, at {nics}"
        yield Problem(summary, str(vm.address), hint="with an `ip` of its own there it can be saved")
