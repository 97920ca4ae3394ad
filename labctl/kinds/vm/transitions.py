"""The table of a VM's state transitions: which verbs lead from one state to another, and what a plan shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.lifecycle import State
from labctl.core.record import record
from labctl.kinds.vm.verbs import DISCARD, RESTORE, RESUME, SAVE, START, STOP, SUSPEND

if TYPE_CHECKING:
    from labctl.core.verbs import Verb


@record
class Transition:
    """The way of a VM from one state to another.

    `ends` is the verb that leaves the old state before the definition is changed, and `begins` the verb that enters the
    new state afterwards. `plan` is the text in a plan, `done` the text after the run. `loses` says which data the user
    loses, `refused` why labctl does not do this.
    """

    plan: str = ""
    done: str = ""
    ends: Verb[Any] | None = None
    begins: Verb[Any] | None = None
    loses: str = ""
    refused: str = ""

    @property
    def resumes(self) -> bool:
        """Whether the guest continues from its memory, without a boot; its clock is wrong then."""
        return self.begins in (RESUME, RESTORE)

    @property
    def boots(self) -> bool:
        """Whether the guest boots: nothing of its memory is left."""
        return self.begins is START

    @property
    def saves(self) -> bool:
        """Whether the VM's memory is written to the host's disk."""
        return self.begins is SAVE

    @property
    def enters(self) -> bool:
        """Whether the VM starts to need the host's memory, networks and disks."""
        return self.begins in (START, RESTORE)


_MEMORY = "its saved memory, which `labctl resume` would bring back"
_STAYS = Transition()
_STOPS = Transition("shuts down", "halted", ends=STOP)
_CANT_PAUSE = Transition(refused="it can't be paused, since it does not run")
_CANT_CRASH = Transition(refused="labctl makes no VM crash")
_SAVES = Transition("saves its memory", "saved", begins=SAVE)
_CANT_SAVE = Transition(refused="it has no memory to save, since it does not run")

# (the state before, the state wanted) → how that is done
TRANSITIONS: dict[tuple[State, State], Transition] = {
    (State.RUNNING, State.RUNNING): _STAYS,
    (State.RUNNING, State.PAUSED): Transition("pauses", "suspended", begins=SUSPEND),
    (State.RUNNING, State.OFF): _STOPS,
    (State.RUNNING, State.CRASHED): _CANT_CRASH,
    (State.RUNNING, State.SAVED): _SAVES,
    (State.PAUSED, State.RUNNING): Transition("resumes", "resumed", begins=RESUME),
    (State.PAUSED, State.PAUSED): _STAYS,
    (State.PAUSED, State.OFF): _STOPS,
    (State.PAUSED, State.CRASHED): _CANT_CRASH,
    (State.PAUSED, State.SAVED): _SAVES,
    (State.OFF, State.RUNNING): Transition("starts", "started", begins=START),
    (State.OFF, State.PAUSED): _CANT_PAUSE,
    (State.OFF, State.OFF): _STAYS,
    (State.OFF, State.CRASHED): _CANT_CRASH,
    (State.OFF, State.SAVED): _CANT_SAVE,
    (State.CRASHED, State.RUNNING): Transition("restarts", "restarted", ends=STOP, begins=START),
    (State.CRASHED, State.PAUSED): _CANT_PAUSE,
    (State.CRASHED, State.OFF): Transition("cuts its power", "halted", ends=STOP),
    (State.CRASHED, State.CRASHED): _STAYS,
    (State.CRASHED, State.SAVED): _CANT_SAVE,
    (State.SAVED, State.RUNNING): Transition("restores its memory", "restored", begins=RESTORE),
    (State.SAVED, State.PAUSED): _CANT_PAUSE,
    (State.SAVED, State.OFF): Transition("discards its saved memory", "halted", ends=DISCARD, loses=_MEMORY),
    (State.SAVED, State.CRASHED): _CANT_CRASH,
    (State.SAVED, State.SAVED): _STAYS,
}


def transition(before: State, wanted: State, *, restart: bool = False) -> Transition:
    """The transition from one state to another; with `restart` by way of the state off."""
    if not restart:
        return TRANSITIONS[before, wanted]
    off, on = TRANSITIONS[before, State.OFF], TRANSITIONS[State.OFF, wanted]
    plan = ", then ".join(filter(None, (off.plan, on.plan)))
    return Transition(plan, on.done or off.done, off.ends, on.begins, off.loses)
