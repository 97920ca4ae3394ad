"""Waits until VMs have reached a stage, and changes nothing: somebody else's `up` makes them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from labctl.app.looks import looks
from labctl.app.vm_names import choose
from labctl.core.address import natural_sort_key
from labctl.core.errors import NotReady, UsageError
from labctl.core.events import VmStage
from labctl.core.lifecycle import Stage, State
from labctl.core.record import record
from labctl.engine import overview
from labctl.host.access import report
from labctl.host.access.last_line import LastLine
from labctl.kinds import addresses
from labctl.labfile.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labctl.app.session import Session
    from labctl.core.events import Sink
    from labctl.guest.protocol import GuestState
    from labctl.kinds.vm.overview import VmOverview

POLL_S = 2.0  # between two looks at guests that nobody else listens to, if libvirt tells nothing
_ORDER = list(Stage)
_GUESTS = (Stage.BOOTED, Stage.PROVISIONED)  # only the guest knows these, until it is marked as ready


@record
class Goal:
    """A VM, and the stage that it is to reach."""

    vm: str
    stage: Stage


@record
class Place:
    """How far a VM is. `seen` is None if it does not exist; `guest` is what its guest says of its boot."""

    seen: VmOverview | None
    guest: GuestState | None = None

    @property
    def stage(self) -> Stage | None:
        """The latest stage that is known; None if it does not exist."""
        if self.seen is None:
            return None
        if self.seen.state != State.RUNNING:
            return Stage.CREATED
        if self.seen.ready or not self.seen.awaited:
            return Stage.READY
        return Stage.BOOTED if self.guest and self.guest.finished else Stage.STARTED

    def reaches(self, stage: Stage) -> bool:
        return self.stage is not None and _ORDER.index(self.stage) >= _ORDER.index(stage)

    def __str__(self) -> str:
        if self.seen is None:
            return "it does not exist yet"
        if self.seen.state != State.RUNNING:
            return f"it is {self.seen.state}"
        problem = f": {self.seen.problem}" if self.seen.problem else ""
        if self.guest and not self.guest.finished:
            return f"it boots, at cloud-init's stage {self.guest.stage}{problem}"
        return f"{'it has booted' if self.guest else 'it runs'} and is not ready{problem}"


def goals(session: Session, words: Iterable[str]) -> list[Goal]:
    """What `VM:STAGE` words mean; all VMs that are to run, and ready, without any.

    Raises:
        UsageError: there is no such VM or stage, or the VM is off by the Labfile.
    """
    vms = {vm.name: vm for vm in session.lab.vms}
    bases = {vm.name: vm.base for vm in vms.values()}
    if not (asked := list(words)):
        return [Goal(vm.name, Stage.READY) for vm in vms.values() if vm.state == "running"]
    choose((word.partition(":")[0] for word in asked), bases)  # all that are unknown are told at once
    found = {}
    for word in asked:
        name, colon, text = word.partition(":")
        if colon and text not in _ORDER:
            raise UsageError(f"{word}: there is no stage {text}", hint=did_you_mean(text, map(str, _ORDER)))
        stage = Stage(text) if colon else Stage.READY
        for vm in choose([name], bases):
            if stage is not Stage.CREATED and vms[vm].state != "running":
                raise UsageError(f"{vm} never is {stage}: the Labfile says state: {vms[vm].state}")
            found[vm, stage] = Goal(vm, stage)
    return list(found.values())


def wait(session: Session, words: Iterable[str], seconds: float, sink: Sink) -> None:
    """Wait until all goals are reached. Each is told as a `VmStage` when it is.

    Raises:
        UsageError: there is no such VM or stage.
        NotReady: the time is up; the error says of each VM how far it is, with its console's last line.
        LabctlError: libvirt does not answer.
    """
    left = goals(session, words)
    started = time.monotonic()
    deadline = started + seconds

    def pause() -> float:
        return max(0.0, min(POLL_S, deadline - time.monotonic()))

    for places in looks(session.hosts, lambda: look(session, left), pause) if left else ():
        for goal in [each for each in left if places[each.vm].reaches(_enough(session, each))]:
            sink(VmStage(goal.vm, goal.stage, round(time.monotonic() - started, 3)))
            left.remove(goal)
        if not left:
            return
        if time.monotonic() >= deadline:
            raise _late(session, left, look(session, left, ask=True), seconds)


def _enough(session: Session, goal: Goal) -> Stage:
    """The stage that libvirt or the guest tells: a VM with steps is provisioned for sure when it is ready."""
    if goal.stage is not Stage.PROVISIONED:
        return goal.stage
    has_steps = any(vm.name == goal.vm and vm.provision for vm in session.lab.vms)
    return Stage.READY if has_steps else Stage.BOOTED


def look(session: Session, left: Iterable[Goal], *, ask: bool = False) -> dict[str, Place]:
    """How far the VMs are.

    A guest is asked only where libvirt does not know that, or with `ask`: a port has one listener, and `up` needs it.
    """
    seen = {vm.name: vm for vm in overview.look(session.hosts, session.lab.name).vms}
    places = {goal.vm: Place(seen.get(goal.vm)) for goal in left}
    unknown = [
        goal.vm for goal in left if places[goal.vm].stage is Stage.STARTED and (ask or goal.stage in _GUESTS)
    ]
    guests = _asked(session, {vm: seen[vm] for vm in unknown if seen[vm].seeded})
    return places | {vm: Place(seen[vm], guest) for vm, guest in guests.items()}


def _asked(session: Session, vms: Mapping[str, VmOverview]) -> dict[str, GuestState]:
    names = {vm.libvirt_name: name for name, vm in vms.items()}
    states: dict[str, GuestState] = {}
    for host in session.hosts:
        mine = [each for each, name in names.items() if session.hosts.of(addresses.vm(name)) is host]
        states |= report.states(host.connection, mine) if mine else {}
    return {names[each]: state for each, state in states.items()}


def _late(session: Session, left: Iterable[Goal], places: Mapping[str, Place], seconds: float) -> NotReady:
    lines = []
    for goal in sorted(left, key=lambda each: natural_sort_key(each.vm)):
        place = places[goal.vm]
        line = f"vm/{goal.vm} is not {goal.stage} after {seconds:.0f} s: {place}"
        last_line, host = LastLine(session.lab.name, goal.vm), session.hosts.of(addresses.vm(goal.vm))
        if said := last_line(host.virt) if place.seen else "":
            line += f"; its console's last line: {said}"
        lines.append(line)
    hint = "`labctl up` makes what is missing and waits as well; `labctl logs VM` shows a console"
    return NotReady("\n".join(lines), hint=hint)
