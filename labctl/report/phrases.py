"""Words for what the steps of a plan did, and for numbers: `created`, `halted`, `3 min 05 s`, `2 VMs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.lifecycle import Stage, State
from labctl.kinds.vm.transitions import TRANSITIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.core.plan import Plan, Step

DONE = {
    "create": "created",
    "update": "updated",
    "restart": "restarted",
    "replace": "replaced",
    "delete": "deleted",
}
WAITED = str(Stage.READY)  # the word of a VM that ran and was only waited for
STARTED = TRANSITIONS[State.OFF, State.RUNNING].done


def place(connection: str) -> str:
    """A plan's connection in words: the URI, but for a user's own libvirt."""
    return "your own libvirt, rootless" if connection == "rootless" else connection


def done_words(plan: Plan) -> dict[str, str]:
    """For each address, the word for its step once that is done."""
    return {str(step.address): done_word(step) for step in plan.steps}


def done_word(step: Step) -> str:
    return step.spec.done(step.changes) or DONE[step.action]


def and_state(word: str, stage: str | None) -> str:
    """The word of a VM's step with the last stage that the VM reported: `created and ready`, or `ready` alone."""
    words: dict[str, str] = {Stage.READY: " and ready", Stage.STARTED: " and running"}
    return word if word == WAITED else word + words.get(stage or "", "")


def seconds(value: float) -> str:
    """`0.3 s`, `42.1 s`, `3 min 05 s`."""
    if value < 100:  # tenths say nothing beyond that
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02} s"


def plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def series(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
