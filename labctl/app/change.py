"""Every use case that changes a lab: lock, plan, ask, run, tell how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from labctl.app import (
    desired_state,
    going_on,
    local_files,
    pools_first,
    shared_connections,
    step_records,
    subnet_lock,
    telling,
    trust,
)
from labctl.app import warm as warm_states
from labctl.app.images import pins
from labctl.app.prepare import Prepared, prepare
from labctl.core.errors import Interrupted, LabctlError
from labctl.core.events import Diagnostic, Ending, Finished, PlanReady
from labctl.core.plan import Action, steps_of
from labctl.core.record import replace
from labctl.host.files import run_folder
from labctl.kinds import addresses
from labctl.kinds.vm.spec import VmSpec
from labctl.kinds.warm.spec import not_saved

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labctl.app.prepare import DesiredState
    from labctl.app.session import Session
    from labctl.core.address import Address
    from labctl.core.events import Sink
    from labctl.core.plan import Plan
    from labctl.engine.execute import Outcome

Confirm = Callable[["Plan"], bool]
Follow = Callable[
    ["Prepared", float], "Prepared | None"
]  # by what the first plan was made from, and its seconds
APPLYING = ("up", "reload", "provision")  # what the Labfile says; for the other verbs what exists is enough
ENDING = ("halt", "suspend", "destroy")  # these let no guest go on, so a volume may stay half restored


def up(session: Session, vms: Iterable[str], sink: Sink, confirm: Confirm) -> Finished:
    """Make the lab what the Labfile says. Gives the last event, as all of these do."""
    names = tuple(vms)
    if session.warm:
        warm_states.refuse_some(names)
    desired, whole = desired_state.up(names), not names
    look = partial(_look, session, "up", desired, whole=whole)

    def follow(first: Prepared, seconds: float) -> Prepared | None:
        warm_states.tell_gain(first, seconds, sink)
        try:
            save = warm_states.to_save(session, first, seconds, look, sink)
            return save and _look(session, "snapshot save", save)
        except Interrupted:
            raise
        except LabctlError as error:  # the lab is ready in any case
            sink(Diagnostic("warning", *not_saved(error)))
            return None

    return apply(session, "up", desired, sink, confirm, follow=follow, whole=whole)


def halt(session: Session, vms: Iterable[str], sink: Sink, confirm: Confirm) -> Finished:
    """Shut VMs down; everything stays defined."""
    return apply(session, "halt", desired_state.halt(vms), sink, confirm)


def suspend(
    session: Session, vms: Iterable[str], sink: Sink, confirm: Confirm, *, disk: bool = False
) -> Finished:
    """Pause VMs where they are, in memory; with `disk` their memory is saved to the host's disk."""
    return apply(session, "suspend", desired_state.suspend(vms, disk=disk), sink, confirm)


def resume(session: Session, vms: Iterable[str], sink: Sink, confirm: Confirm) -> Finished:
    """Let paused and saved VMs go on, with the right time of day."""
    names = set(vms)
    tell_off = partial(going_on.tell_off, names, sink)
    return apply(session, "resume", desired_state.resume(names), sink, confirm, idle=tell_off)


def reload(session: Session, vms: Iterable[str], sink: Sink, confirm: Confirm) -> Finished:
    """Apply the Labfile and restart VMs in any case."""
    names = set(vms)
    chosen = {vm.name for vm in session.lab.vms if not names or names & {vm.name, vm.base}}
    restart = frozenset(addresses.vm(name) for name in chosen)
    return apply(session, "reload", desired_state.up(names), sink, confirm, restart=restart)


def destroy(
    session: Session, vms: Iterable[str], sink: Sink, confirm: Confirm, *, warm: bool = False
) -> Finished:
    """Remove the lab, or some VMs with their disks; with `warm` also its warm state."""
    names = tuple(vms)
    if warm:
        warm_states.refuse_some(names)
    desired = desired_state.destroy(names, warm=warm)

    def kept(first: Prepared, _seconds: float = 0.0) -> None:
        if not names:  # without some of its VMs the lab does not begin with it
            warm_states.tell_kept(first, sink)

    def idle(prepared: Prepared) -> None:
        local_files.forget_leftovers(session, prepared.observed, sink)
        kept(prepared)

    return apply(session, "destroy", desired, sink, confirm, idle=idle, follow=kept, with_store=warm)


def apply(  # noqa: PLR0913  # what the verbs differ in, by keyword
    session: Session,
    verb: str,
    desired: DesiredState,
    sink: Sink,
    confirm: Confirm,
    *,
    restart: frozenset[Address] = frozenset(),
    idle: Callable[[Prepared], None] = lambda _prepared: None,
    follow: Follow = lambda _first, _seconds: None,
    whole: bool = False,
    with_store: bool = False,  # whether a stopped image store is started too, as for what applies the Labfile
) -> Finished:
    """Make the lab, or a part, what `desired` gives, then run what `follow` gives; call `idle` if nothing is to do."""
    began, applying = time.monotonic(), verb in APPLYING
    look = partial(_look, session, verb, desired, restart, whole=whole)
    with session.locked_lab(), ExitStack() as subnets:
        if ended := _see_to_pools(session, verb, sink, confirm, began, with_store=applying or with_store):
            return ended
        prepared = look()
        telling.announce(prepared, sink)
        telling.refuse(prepared, sink, began)
        if prepared.plan and not _agreed(session, prepared.plan, sink, confirm):
            return telling.ended(sink, began, Ending.DECLINED, "nothing was changed")
        began = time.monotonic()  # the time that someone took to answer is not the run's
        if waiting := subnet_lock.networks(prepared.plan):
            subnets.enter_context(subnet_lock.acquired(session))
            prepared = _renewed(prepared, look(), sink, began)
            sink = subnet_lock.releasing(sink, waiting, subnets)
        if not prepared.plan:
            _settle(session, prepared, sink, applying=applying)
            idle(prepared)
            return telling.ended(sink, began)
        with _end_told(sink, began):
            outcome = _carry_out(session, prepared, sink, applying=applying)
            if applying and outcome.ending is Ending.DONE:
                outcome = outcome.then(_spread(session, desired, prepared.plan, sink))
            if outcome.ending is Ending.DONE:
                outcome = outcome.then(_second_plan(session, follow, prepared, sink, began))
    return telling.finish(outcome, verb, sink, began)


def _see_to_pools(  # noqa: PLR0913  # of `apply`
    session: Session, verb: str, sink: Sink, confirm: Confirm, began: float, *, with_store: bool
) -> Finished | None:
    """Run the plans that come first, each of which has a question of its own.

    Gives the last event if the run ends here.
    """
    for plan, why in pools_first.plans(session, with_store=with_store, finishing=verb not in ENDING):
        sink(Diagnostic("note", why))
        sink(PlanReady(plan))
        if not confirm(plan):
            return telling.ended(sink, began, Ending.DECLINED, "nothing was changed")
        with _end_told(sink, began):
            outcome = _execute(session, plan, sink)
        if outcome.ending is not Ending.DONE:
            return telling.finish(outcome, verb, sink, began)
    return None


def _agreed(session: Session, plan: Plan, sink: Sink, confirm: Confirm) -> bool:
    """Whether the user says yes to a plan; nobody is asked about one that only runs what runs each time."""
    if not trust.allowed(session, plan.reaches) or (plan.changes and not confirm(plan)):
        return False
    trust.keep(session, plan.reaches, sink)
    return True


def _carry_out(session: Session, prepared: Prepared, sink: Sink, *, applying: bool) -> Outcome:
    """Run the plan, and do what follows from any run."""
    warm_states.keep_keys(session, prepared.warm)
    if applying:
        local_files.begin(session)
    outcome = _execute(session, prepared.plan, sink)
    _settle(session, prepared, sink, applying=applying)
    local_files.tidy(session, prepared.plan, outcome, sink)
    return outcome


@contextmanager
def _end_told(sink: Sink, began: float) -> Iterator[None]:
    """Tell an error that ends the block, after the first change, as an end too: a terminal has to be given back."""
    try:
        yield
    except BaseException as error:  # asked to stop at once, nothing follows from what there is now, or a bug
        interrupted = isinstance(error, KeyboardInterrupt | Interrupted)
        telling.ended(sink, began, Ending.INTERRUPTED if interrupted else Ending.FAILED)
        raise


def _renewed(prepared: Prepared, again: Prepared, sink: Sink, began: float) -> Prepared:
    """What a second look at the host led to, which is told where the plan is another one.

    Raises:
        Untrusted: what the lab reaches of the host has changed since the yes to it.
    """
    trust.require(again.plan.reaches)
    if str(again.plan) == str(prepared.plan):
        return prepared
    sink(Diagnostic("note", "another lab changed this host meanwhile; the plan was made anew"))
    sink(PlanReady(again.plan))
    telling.refuse(again, sink, began)
    return again


def _spread(session: Session, desired: DesiredState, plan: Plan, sink: Sink) -> Outcome | None:
    """Tell guests the names of those whose addresses are known only since this run; None where none are new."""
    if not any(step.after and step.after.reports for step in steps_of(plan.steps, VmSpec)):
        return None
    again = _look(session, "up", desired).plan
    updates = [step for step in steps_of(again.steps, VmSpec) if step.action is Action.UPDATE]
    others = [step for step in again.steps if not step.recurs]  # what runs each time has run
    if not updates or len(updates) != len(others) or not all(each.trusted for each in again.reaches):
        return None
    again = replace(again, steps=tuple(others))
    sink(Diagnostic("note", "guests told their addresses, which the others are told now"))
    sink(PlanReady(again))
    return _execute(session, again, sink)


def _second_plan(
    session: Session, follow: Follow, first: Prepared, sink: Sink, began: float
) -> Outcome | None:
    """Run what follows from the first plan, as VMs that go on from a snapshot; None where nothing does.

    Nobody is asked and nothing is checked once more: the first plan had the yes and the checks for both, and what is
    between the two is no state to leave a lab in.
    """
    prepared = follow(first, time.monotonic() - began)
    if prepared is None or not prepared.plan:
        return None
    telling.warn([each for each in prepared.warnings if each not in first.warnings], sink)
    sink(PlanReady(prepared.plan))
    return _execute(session, prepared.plan, sink)


def _settle(session: Session, prepared: Prepared, sink: Sink, *, applying: bool) -> None:
    """Do what follows from a run, or from finding nothing to do."""
    pins.keep(session, prepared.sources.pins, sink)
    if applying:
        step_records.prune(session, prepared.observed, sink)
    shared_connections.end_unused(session)
    with suppress(LabctlError):  # who can't use the runtime folder has nothing there
        run_folder.sweep()


def _execute(session: Session, plan: Plan, sink: Sink) -> Outcome:
    """Run the plan; what that takes is imported only now, most runs have nothing to do."""
    from labctl.engine.execute import execute

    return execute(plan, session.hosts, session.driver, sink, session.stop)


def _look(
    session: Session,
    verb: str,
    desired: DesiredState,
    restart: frozenset[Address] = frozenset(),
    *,
    whole: bool = False,
) -> Prepared:
    if verb == "resume":
        return going_on.look(session, desired)
    look = partial(prepare, session, desired, include_labfile=verb in APPLYING, restart=restart, warm=whole)
    return session.hosts.answering(look)
