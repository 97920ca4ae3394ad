"""The walk over a plan's operations, with drivers that only note what they do."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import libvirt
import pytest

from labctl.core.errors import LabctlError, StoppedAtOnce
from labctl.core.events import Diagnostic, Ending, StepFailed, StepProgress, StepSkipped
from labctl.core.lifecycle import Stage
from labctl.core.planning import plan
from labctl.core.stop import Stop
from labctl.engine.execute import Outcome, execute
from labctl.host.hosts import Hosts
from labctl.kinds import addresses
from labctl.kinds.vm.spec import VmSpec
from tests.madeup import MadeUpHosts
from tests.waiting import wait_until


class Host:
    """Runs blocking calls in threads of its own, as a connection does. One VM boots at a time."""

    virt = None
    boot_limit = 1

    def __init__(self):
        self.threads = ThreadPoolExecutor()

    @property
    def connection(self):
        return self

    def alive(self, _virt):
        return True

    async def call(self, method, *arguments):
        return await asyncio.get_running_loop().run_in_executor(self.threads, method, *arguments)


def run(made, driver, sink, stop=None):
    return execute(made, Hosts(Host()), lambda _kind, _host: driver, sink, stop or Stop())


class Driver:
    """Interrupts the run from within the first start, which then goes on until the run has heard of it."""

    def __init__(self, stop=None, events=()):
        self.done, self.stop, self.events = [], stop, events

    def create(self, step, _tell):
        self.done.append(f"create {step.address.name}")

    def start(self, step, _tell):
        self.stop.ask()
        wait_until(lambda: any(isinstance(each, Diagnostic) for each in self.events))
        self.done.append(f"start {step.address.name}")

    async def booted(self, step, _tell):
        self.done.append(f"booted {step.address.name}")

    ready = booted


def test_an_interrupted_run_ends_after_the_starts_in_flight():
    """A domain that is being started is not left to it; one that waits for its turn to boot is."""
    vms = [VmSpec("shop", name, ready=True) for name in ("a", "b")]
    stop = Stop()
    events = []
    driver = Driver(stop, events)
    made = plan({vm.address: vm for vm in vms}, {})
    outcome = run(made, driver, events.append, stop)
    assert outcome.interrupted
    created, started = sorted(driver.done)[:2], sorted(driver.done)[2:]
    assert created == ["create a", "create b"]
    assert started in (["start a"], ["start b"])  # whichever was made first
    left = {each.address: each for each in events if isinstance(each, StepSkipped)}
    assert all(each.begun and each.reason == "after the interruption" for each in left.values())
    assert left.keys() == {"vm/a", "vm/b"} == {str(each) for each in outcome.skipped}


def test_a_run_that_is_asked_again_does_not_wait_for_calls_in_flight():
    begun, over = threading.Event(), threading.Event()

    class Hangs(Driver):
        def start(self, step, _tell):
            begun.set()
            over.wait()

    stop, vm = Stop(), VmSpec("shop", "a")

    def ask():
        begun.wait()
        stop.ask()
        stop.ask()

    threading.Thread(target=ask).start()
    with pytest.raises(StoppedAtOnce):
        run(plan({vm.address: vm}, {}), Hangs(), lambda _event: None, stop)
    assert not over.is_set()
    over.set()


def test_a_file_that_the_machine_refuses_fails_its_step_and_is_named(tmp_path):
    class Refused(Driver):
        def create(self, step, _tell):
            raise PermissionError(1, "Operation not permitted", str(tmp_path))

    class Where(Driver):
        def create(self, step, _tell):
            raise LabctlError("no", where=str(tmp_path))

    vm = VmSpec("shop", "a", state="off")
    for driver, told in ((Refused(), "can't use it: Operation not permitted"), (Where(), "no")):
        events = []
        made = plan({vm.address: vm}, {})
        outcome = run(made, driver, events.append)
        (failed,) = [each for each in events if isinstance(each, StepFailed)]
        assert failed.error.startswith(f"{tmp_path}: {told}")
        assert outcome.ending is Ending.FAILED


def test_vms_that_nothing_is_told_of_don_t_hold_up_others():
    """Their boot is over, as far as anybody knows, when they run."""

    class Starts(Driver):
        def start(self, step, _tell):
            self.done.append(f"start {step.address.name}")

    vms = [VmSpec("shop", name, awaited=False) for name in ("a", "b", "c")]
    driver = Starts()
    outcome = run(plan({vm.address: vm for vm in vms}, {}), driver, lambda _: None)
    assert outcome.done == {vm.address for vm in vms}
    assert sorted(driver.done)[3:] == ["start a", "start b", "start c"]


def test_what_is_interrupted_in_its_last_operation_is_told_too():
    class Waits(Driver):
        def start(self, step, _tell):
            self.done.append("start")

        async def ready(self, step, _tell):
            self.stop.ask()
            await asyncio.sleep(60)

    vm = VmSpec("shop", "a", ready=True)
    events = []
    stop = Stop()
    outcome = run(plan({vm.address: vm}, {}), Waits(stop), events.append, stop)
    (left,) = [each for each in events if isinstance(each, StepSkipped)]
    assert (left.address, left.begun, left.reason) == ("vm/a", True, "after the interruption")
    assert outcome.skipped == {vm.address}


class Lost(Host):
    """Loses its connection with the first call that fails, and is opened anew."""

    def __init__(self, name):
        super().__init__()
        self.uri, self.virt, self.opened = name, object(), 0

    def alive(self, virt):
        return virt is self.virt

    def reopen(self, _lost):
        self.opened += 1


class Remembers(Driver):
    """Has the VMs of one host. On the second, the connection goes away once."""

    def __init__(self, host):
        super().__init__()
        self.host = host

    def create(self, step, tell):
        super().create(step, tell)
        if self.host.uri == "second" and len(self.done) == 1:
            self.host.virt = object()
            raise LabctlError("the connection went away")

    def start(self, step, _tell):
        self.done.append(f"start {step.address.name}")


def test_drivers_and_connections_go_by_address():
    """One driver a kind and host; only what lost its connection is opened anew, and only its step runs again."""
    hosts = MadeUpHosts(Lost("first"), Lost("second"), elsewhere={"b"})
    made: list[Remembers] = []

    def driver(kind, host):
        assert kind == "vm"
        made.append(Remembers(host))
        return made[-1]

    vms = [VmSpec("shop", name, awaited=False) for name in ("a", "b", "c")]
    outcome = execute(plan({vm.address: vm for vm in vms}, {}), hosts, driver, lambda _: None, Stop())
    assert outcome.done == {vm.address for vm in vms}
    done = {each.host.uri: sorted(each.done) for each in made}
    assert len(made) == len(done)
    assert [each for each in done["first"] if not each.startswith("booted")] == [
        "create a",
        "create c",
        "start a",
        "start c",
    ]
    assert [each for each in done["second"] if not each.startswith("booted")] == [
        "create b",
        "create b",
        "start b",
    ]
    assert {host.uri: host.opened for host in hosts} == {"first": 0, "second": 1}


def test_a_host_that_boots_nothing_is_not_asked_how_many_it_could():
    """Its connection may be lost by then: what deletes would fail before it could connect again."""

    class Unasked(Host):
        @property
        def boot_limit(self):
            raise libvirt.libvirtError("Cannot write data: Broken pipe")

    class Deletes(Driver):
        def delete(self, step, _tell):
            self.done.append(f"delete {step.address.name}")

    vm, driver = VmSpec("shop", "a"), Deletes()
    outcome = execute(
        plan({}, {vm.address: vm}), Hosts(Unasked()), lambda _kind, _host: driver, lambda _: None, Stop()
    )
    assert outcome.done == {vm.address}


def test_boots_are_counted_for_each_host():
    """One at a time on each: the VM of the second host does not wait for that of the first."""
    booting: set[str] = set()
    both = threading.Event()
    events = []

    def told():
        return [(each.address, each.queued) for each in events if isinstance(each, StepProgress)]

    class Boots(Remembers):
        def create(self, step, _tell):
            pass

        def start(self, step, _tell):
            assert not any(name in booting for name in ("a", "c") if name != step.address.name != "b")
            booting.add(step.address.name)

        async def booted(self, step, _tell):
            while not both.is_set():
                if "b" in booting and len(booting) == 2 and (True in dict(told()).values()):
                    both.set()
                await asyncio.sleep(0.01)
            booting.discard(step.address.name)

        async def ready(self, step, tell):
            pass

    hosts = MadeUpHosts(Lost("first"), Lost("second"), elsewhere={"b"})
    vms = [VmSpec("shop", name, ready=True) for name in ("a", "b", "c")]
    outcome = execute(
        plan({vm.address: vm for vm in vms}, {}),
        hosts,
        lambda _kind, host: Boots(host),
        events.append,
        Stop(),
    )
    assert outcome.done == {vm.address for vm in vms}
    second = told()[0][0]  # which of the two it is, is chance
    assert second in ("vm/a", "vm/c")
    assert told() == [(second, True), (second, False)]


def test_a_vm_that_waits_for_another_one_tells_so():
    db = VmSpec("shop", "db", ready=True)
    web = VmSpec("shop", "web", ready=True, after=(("db", Stage.READY),))
    events = []

    class Waits(Driver):
        def start(self, step, _tell):
            pass

    run(plan({vm.address: vm for vm in (db, web)}, {}), Waits(), events.append)
    told = [each for each in events if isinstance(each, StepProgress)]
    assert told == [StepProgress("vm/web", "waits for vm/db", queued=True)]


def test_two_runs_have_one_result():
    first = Outcome(done={addresses.vm("web")})
    assert first.then(None) is first
    failed = Outcome(errors={addresses.warm("shop"): LabctlError("no room")}, skipped={addresses.vm("db")})
    both = first.then(failed)
    assert (both.done, both.errors, both.skipped) == (first.done, failed.errors, failed.skipped)
    assert both.ending is Ending.FAILED
    assert first.then(Outcome(done={addresses.warm("shop")})).done == {
        addresses.vm("web"),
        addresses.warm("shop"),
    }
