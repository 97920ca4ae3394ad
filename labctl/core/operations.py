"""Breaks a plan into operations for the executor, and orders them.

An operation is smaller than a step. A replaced VM is one step, but its old domain has to be deleted before its old
disk, and its new disk has to be created before its new domain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, Any

from labctl.core.lifecycle import Stage
from labctl.core.plan import Action
from labctl.core.record import record
from labctl.core.verbs import CREATE, DELETE, UPDATE, Verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labctl.core.address import Address
    from labctl.core.plan import Plan, Step

    Verbs = Mapping[Address, tuple[Verb[Any], ...]]

Link = Callable[[tuple["Address", Verb[Any]], tuple["Address", Verb[Any]]], None]  # (later, earlier)
BUILDS = (CREATE, UPDATE)
_ORDER = list(Stage)


@record
class Operation:
    """One verb of one step. The executor runs it when the operations in `needs` (their ids) are done."""

    step: Step
    verb: Verb[Any]
    needs: tuple[str, ...]

    @property
    def id(self) -> str:
        return f"{self.verb} {self.step.address}"


def operations(plan: Plan) -> tuple[Operation, ...]:
    """Break a plan into operations, each with those that it waits for."""
    verbs = {step.address: _verbs(step) for step in plan.steps}
    needs: dict[str, set[str]] = defaultdict(set)

    def link(later: tuple[Address, Verb[Any]], earlier: tuple[Address, Verb[Any]]) -> None:
        if (
            later[1] in verbs.get(later[0], ())
            and earlier[1] in verbs.get(earlier[0], ())
            and later != earlier
        ):
            needs[f"{later[1]} {later[0]}"].add(f"{earlier[1]} {earlier[0]}")

    for step in plan.steps:
        for first, second in zip(verbs[step.address], verbs[step.address][1:], strict=False):
            link((step.address, second), (step.address, first))
        _link_builds(step, verbs, link)
        _link_removals(step, verbs, link)
    _link_exclusive(plan.steps, link)
    return tuple(
        Operation(step, verb, tuple(sorted(needs[f"{verb} {step.address}"])))
        for step in plan.steps
        for verb in verbs[step.address]
    )


def _verbs(step: Step) -> tuple[Verb[Any], ...]:
    if step.after is None:
        return (DELETE,)
    return step.after.verbs(step.effect, step.before)


def _link_builds(step: Step, verbs: Verbs, link: Link) -> None:
    """Before a step's object reaches a stage, each object that it needs reaches the stage that the need names."""
    if step.after is None:
        return
    mine = [verb for verb in verbs[step.address] if verb.stops]
    for need in step.after.needs():
        theirs = [verb for verb in verbs.get(need.address, ()) if verb.stops]
        for verb, until in product(mine, theirs):  # the needed object stops after those that need it
            link((need.address, until), (step.address, verb))
        held = [verb for verb in verbs[step.address] if verb.reaches == need.holds]
        others = verbs.get(need.address, ())
        for verb, until in product(held, verbs_reaching(others, need.until)):
            if not verb.goes_on or any(each.boots for each in others):
                link((step.address, verb), (need.address, until))


def verbs_reaching(verbs: Iterable[Verb[Any]], stage: Stage) -> list[Verb[Any]]:
    """The verbs of a step after which its object is at a stage.

    No verb reaches some stages: without provisioners, a VM is provisioned when it is booted. Then the verbs of the last
    stage before count. There are none where the step leaves the object's stage as it is.
    """
    done = list(verbs)
    for each in reversed(_ORDER[: _ORDER.index(stage) + 1]):
        if found := [verb for verb in done if verb.reaches == each]:
            return found if each is not Stage.CREATED or stage == Stage.CREATED else []
    return []


def _link_removals(step: Step, verbs: Verbs, link: Link) -> None:
    """An object is deleted, or changed for others, after the objects that need it are deleted or have released it."""
    if step.before is None:
        return
    letting_go = [verb for verb in verbs[step.address] if verb.lets_go]
    for need in step.before.needs():
        for verb in letting_go:
            if need.holds == Stage.CREATED:
                link((need.address, DELETE), (step.address, verb))
    for address, verb in product(step.before.lets_go(step.after), letting_go):
        for later in _until_changed(verbs.get(address, ())):
            link((address, later), (step.address, verb))


def _until_changed(verbs: tuple[Verb[Any], ...]) -> tuple[Verb[Any], ...]:
    """The verbs of a step up to the one that changes the object; none where it is not changed but made anew."""
    return verbs[: verbs.index(UPDATE) + 1] if UPDATE in verbs else ()


def _link_exclusive(steps: Iterable[Step], link: Link) -> None:
    steps = [step for step in steps if step.spec.exclusive]
    gone = [step for step in steps if step.action.removes]
    for step in steps if gone else ():
        if step.action is Action.DELETE:
            continue  # it creates nothing; skipping it here keeps `destroy` of a large lab from taking quadratic time
        for other in gone:
            if other.address != step.address and other.address.kind == step.address.kind:
                for verb in BUILDS:
                    link((step.address, verb), (other.address, DELETE))
