"""Runs a plan: it runs the operations in their order, sends events, and skips operations that need a failed one.

The plan alone decides on the operations and their order. They run in asyncio, so that waiting for a guest takes no
thread; blocking calls of libvirt run in the threads of a host's connection.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import defaultdict
from functools import cache
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from labctl.core import coroutines
from labctl.core.errors import Interrupted, LabctlError, NotReady, StoppedAtOnce
from labctl.core.events import (
    Diagnostic,
    Ending,
    StepDone,
    StepFailed,
    StepProgress,
    StepSkipped,
    StepStarted,
    Teller,
)
from labctl.core.lifecycle import Stage
from labctl.core.operations import operations
from labctl.core.record import field, record, replace
from labctl.host.files import os_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.core.address import Address
    from labctl.core.events import Sink
    from labctl.core.operations import Operation
    from labctl.core.plan import Plan
    from labctl.core.stop import Stop
    from labctl.core.verbs import Driver, Work
    from labctl.host.host import Host
    from labctl.host.hosts import Hosts


@record(frozen=False)
class Outcome:
    """The result of a run: the addresses of steps that were done, failed (with their errors) or were skipped."""

    done: set[Address] = field(default_factory=set)
    errors: dict[Address, LabctlError] = field(default_factory=dict)
    skipped: set[Address] = field(default_factory=set)
    interrupted: bool = False

    @property
    def ending(self) -> Ending:
        if self.interrupted:
            return Ending.INTERRUPTED
        if not self.errors:
            return Ending.DONE
        unready = all(isinstance(error, NotReady) for error in self.errors.values())
        return Ending.UNREADY if unready else Ending.FAILED

    def then(self, later: Outcome | None) -> Outcome:
        """The result of this run, of which everything was done, and of a later one if one followed."""
        return replace(later, done=self.done | later.done) if later else self


def execute(
    plan: Plan, hosts: Hosts, driver: Callable[[str, Host], Driver[Any]], sink: Sink, stop: Stop
) -> Outcome:
    """Run every operation of the plan.

    Args:
        plan: the plan.
        hosts: the host of each object. Its connection runs blocking methods, and is opened again where libvirtd was
            restarted; it limits how many VMs boot at the same time.
        driver: makes the driver of a kind for a host.
        sink: gets the events.
        stop: requests the end of the run.

    Raises:
        StoppedAtOnce: the run was asked to end at once.
    """
    return coroutines.run(_Run(plan, hosts, driver, sink, stop).walk())


class _Run:
    def __init__(
        self, plan: Plan, hosts: Hosts, driver: Callable[[str, Host], Driver[Any]], sink: Sink, stop: Stop
    ) -> None:
        self._hosts, self._driver, self._sink, self._stop = hosts, cache(driver), sink, stop
        self._operations = {each.id: each for each in operations(plan)}
        self._left: dict[Address, list[Operation]] = defaultdict(list)  # in the order in which they run
        for each in self._operations.values():
            self._left[each.step.address].append(each)
        self._started: dict[Address, float] = {}
        # made when a VM of the host first boots: before, nothing may need the host's connection
        self._booting = cache(lambda host: asyncio.Semaphore(host.boot_limit))
        self._holds: set[Address] = set()
        self._queued: set[str] = set()  # operations that wait for their turn to boot
        self._failed: dict[str, str] = {}  # operation → the cause, as an address or "the interruption"
        self._begin = time.monotonic()
        self._tasks: set[asyncio.Task[None]] = set()
        self.outcome = Outcome()

    async def walk(self) -> Outcome:
        """Run all operations.

        Raises:
            StoppedAtOnce: the run was asked to end at once.
        """
        loop, walking = asyncio.get_running_loop(), asyncio.create_task(self._walk())
        with self._stop.heard_by(lambda: loop.call_soon_threadsafe(self._interrupt, walking)):
            try:
                await walking
            except asyncio.CancelledError:
                raise StoppedAtOnce("stopped at once; calls may still be under way") from None
        return self.outcome

    async def _walk(self) -> None:
        graph = TopologicalSorter({each.id: each.needs for each in self._operations.values()})
        graph.prepare()
        while graph.is_active():
            for name in graph.get_ready():
                task = asyncio.create_task(self._operate(self._operations[name]), name=name)
                self._tasks.add(task)
            if not self._tasks:
                break
            finished, self._tasks = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                task.result()  # a bug in a driver is not a failure of a step
                graph.done(task.get_name())

    def _interrupt(self, walking: asyncio.Task[None]) -> None:
        """End the run after the calls in flight, or at once where this was requested twice."""
        if self._stop.at_once:
            walking.cancel()
        if self.outcome.interrupted:
            return
        self.outcome.interrupted = True
        self._sink(Diagnostic("note", "stopping after the calls in flight; Ctrl-C again stops at once"))
        for task in self._tasks:
            operation = self._operations[task.get_name()]
            if inspect.iscoroutinefunction(self._method(operation)) or operation.id in self._queued:
                task.cancel()  # it only waits, for a guest or its turn to boot

    def _method(self, operation: Operation) -> Work:
        address = operation.step.address
        return operation.verb.of(self._driver(address.kind, self._hosts.of(address)))

    async def _operate(self, operation: Operation) -> None:
        step = operation.step
        blame = next((self._failed[need] for need in operation.needs if need in self._failed), None)
        if blame is None and self._stop.asked:
            blame = "the interruption"
        if blame is not None:
            self._skip(operation, blame)
            return
        self._tell_start(operation)
        try:
            await self._perform(operation)
        except (asyncio.CancelledError, Interrupted):
            self._skip(operation, "the interruption")
        except LabctlError as error:
            self._fail(operation, error)
        except OSError as error:
            if error.errno not in os_errors.EXPECTED:
                raise
            self._fail(operation, os_errors.as_labctl_error(error, "can't use it"))
        else:
            self._finish(operation)
        finally:
            over = operation.verb.reaches == Stage.BOOTED or not self._left[step.address]
            if over or operation.id in self._failed:
                self._release_boot(step.address)

    async def _perform(self, operation: Operation) -> None:
        step = operation.step
        tell = Teller(self._sink, step.address, self._begin, lambda: self._stop.asked)
        if operation.verb.boots and step.address not in self._holds:
            await self._wait_for_turn(operation, tell)
        await self._with_reconnect(operation, tell)

    async def _wait_for_turn(self, operation: Operation, tell: Teller) -> None:
        """Wait until few enough VMs boot.

        Raises:
            CancelledError: the run is to end, and the VM has not begun to boot.
        """
        address, turn = operation.step.address, self._booting(self._hosts.of(operation.step.address))
        self._queued.add(operation.id)
        if has_to_wait := turn.locked():
            tell.queued("waits for its turn to boot")
        await turn.acquire()
        self._queued.discard(operation.id)
        self._holds.add(address)
        if self._stop.asked:
            raise asyncio.CancelledError
        if has_to_wait:
            tell.progress(operation.verb.doing)

    async def _with_reconnect(self, operation: Operation, tell: Teller) -> None:
        """Run a verb. If the connection to libvirt was lost, connect again and repeat it: verbs can be repeated."""
        connection = self._hosts.of(operation.step.address).connection
        virt = connection.virt
        try:
            await self._call(operation, tell)
        except Interrupted:
            raise
        except LabctlError:
            if connection.alive(virt):
                raise
            tell.warn("the connection to libvirt was lost; connecting again")
            await connection.call(connection.reopen, virt)
            await self._call(operation, tell)

    async def _call(self, operation: Operation, tell: Teller) -> None:
        method = self._method(operation)
        if inspect.iscoroutinefunction(method):
            await method(operation.step, tell)
        else:
            connection = self._hosts.of(operation.step.address).connection
            await connection.call(method, operation.step, tell)

    def _release_boot(self, address: Address) -> None:
        if address in self._holds:
            self._holds.discard(address)
            self._booting(self._hosts.of(address)).release()

    def _tell_start(self, operation: Operation) -> None:
        address = operation.step.address
        if address not in self._started:
            self._started[address] = time.monotonic()
        self._sink(
            StepStarted(str(address), str(operation.step.action), operation.verb.name, operation.verb.doing)
        )

    def _finish(self, operation: Operation) -> None:
        step, left = operation.step, self._left[operation.step.address]
        left.remove(operation)
        if not left:
            self.outcome.done.add(step.address)
            seconds = time.monotonic() - self._started[step.address]
            self._sink(StepDone(str(step.address), str(step.action), round(seconds, 3)))
        elif others := self._others_first(left[0]):
            self._sink(StepProgress(str(step.address), f"waits for {', '.join(others)}", queued=True))

    def _others_first(self, operation: Operation) -> list[str]:
        """The addresses of other steps that are to come further before this operation can run."""
        needs = [self._operations[need] for need in operation.needs]
        return [
            str(each.step.address)
            for each in needs
            if each.step != operation.step and each in self._left[each.step.address]
        ]

    def _fail(self, operation: Operation, error: LabctlError) -> None:
        step = operation.step
        self._failed[operation.id] = str(step.address)
        if step.address not in self.outcome.errors:
            self.outcome.errors[step.address] = error
            told = error.summary if error.where == str(step.address) else str(error)
            self._sink(StepFailed(str(step.address), str(step.action), told, error.hint))

    def _skip(self, operation: Operation, blame: str) -> None:
        step = operation.step
        self._failed[operation.id] = blame
        if step.address in self.outcome.errors or step.address in self.outcome.skipped:
            return
        self.outcome.skipped.add(step.address)
        reason = f"after {blame}" if blame.startswith("the ") else f"{blame} failed"
        begun = step.address in self._started
        self._sink(StepSkipped(str(step.address), str(step.action), reason, begun))
