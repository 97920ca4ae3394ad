"""A step that is done in several guests at once."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from labctl.core import identity
from labctl.core.errors import LabctlError, NotReady
from labctl.core.events import Diagnostic, Teller
from labctl.core.record import replace
from labctl.host.access import port_session, restarts
from labctl.host.libvirt import records
from labctl.kinds.provision import guest_log
from labctl.kinds.provision import job as job_module
from labctl.kinds.provision.job import Job
from labctl.kinds.provision.spec import LabProvisionSpec, Target
from labctl.kinds.provision.work import Shell

A, B, C = (Target(name, "shop") for name in "abc")
STEP = LabProvisionSpec("", 1, key="lab:x", name="x", on=("a", "b", "c"), content="k:1", work=Shell("true"))


class Virt:
    """Finds domains by their UUIDs, also those that somebody renamed."""

    lookupByName = None  # noqa: N815  # libvirt's name

    def lookupByUUIDString(self, uuid):  # noqa: N802  # libvirt's name
        return {identity.object_uuid("shop", "vm", name): f"shop.{name}" for name in "abc"}[uuid]


class Connection:
    virt = Virt()

    async def call(self, function, *arguments):
        return function(*arguments)


@pytest.fixture
def written(monkeypatch):
    """What is written down, as (domain, key, fields)."""
    found = []

    @asynccontextmanager
    async def opened(_connection, name, _waiting):
        if name == "shop.c":
            raise LabctlError("the domain does not run")
        yield name

    @asynccontextmanager
    async def watched(_connection, _name):
        yield asyncio.Event()

    monkeypatch.setattr(port_session, "opened", opened)
    monkeypatch.setattr(restarts, "watched", watched)
    monkeypatch.setattr(records, "write", lambda domain, _, key, fields: found.append((domain, key, fields)))
    return found


def job(*targets):
    return Job(STEP, targets, Teller(lambda _: None, STEP.address, 0.0), Connection(), None)


def test_it_is_written_down_where_it_is_done_and_all_failures_are_told(written):
    doing = job(A, B, C)

    async def work(target, _way):
        if target is B:
            raise doing.failure(target, "exit code 3")

    with pytest.raises(NotReady) as failed:
        asyncio.run(doing.in_each(work))
    failed_there = {"failed": "provision/1 x"}
    assert sorted(written, key=str)[1:] == [
        ("shop.b", "lab:x", failed_there),
        ("shop.c", "lab:x", failed_there),
    ]
    (domain, key, fields) = min(written, key=str)
    assert (domain, key, fields["digest"]) == ("shop.a", "lab:x", "k:1")
    assert str(failed.value) == "provision/1: x on b: exit code 3\nx on c: the domain does not run"
    assert "`labctl ssh b`" in failed.value.hint


def test_a_bug_is_no_failure_of_a_step(written):
    async def work(_target, _way):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(job(A).in_each(work))
    assert written == []


def test_what_it_said_here_gets_into_the_logs_of_its_vms_and_one_that_can_t_be_written_is_told(
    written, monkeypatch
):
    logged, told = [], []

    async def append(port, spec, text):
        logged.append((port, spec.key, text))

    monkeypatch.setattr(guest_log, "append", append)
    monkeypatch.setattr(job_module, "PortTransport", str)
    doing = Job(STEP, (A, C), Teller(told.append, STEP.address, 0.0), Connection(), None)
    asyncio.run(doing.log("one\ntwo"))
    assert logged == [("shop.a", "lab:x", "one\ntwo")]
    assert [each.summary for each in told if isinstance(each, Diagnostic)] == [
        "provision/1: what it said is not in the log of c: the domain does not run"
    ]


async def nothing(_target, _way):
    """What a step may do."""


def test_a_guest_restarts_before_its_step_is_done(written, monkeypatch):
    order = []

    async def restart(port, _restarted):
        order.append((port, len(written)))

    monkeypatch.setattr(restarts, "restart", restart)
    asyncio.run(replace(job(A), spec=replace(STEP, reboot=True)).in_each(nothing))
    assert order == [("shop.a", 0)]
    assert [fields["digest"] for *_, fields in written] == ["k:1"]
    asyncio.run(job(B).in_each(nothing))
    assert len(order) == 1


def test_a_guest_that_restarts_by_itself_is_told_with_how_to_write_it(written, monkeypatch):
    @asynccontextmanager
    async def watched(_connection, _name):
        restarted = asyncio.Event()
        restarted.set()
        yield restarted

    async def for_ever(_target, _way):
        await asyncio.sleep(600)

    monkeypatch.setattr(restarts, "watched", watched)
    with pytest.raises(NotReady, match="provision/1: x on a: its guest restarted while this ran") as failed:
        asyncio.run(job(A).in_each(for_ever))
    assert "`reboot: true` beside `shell`" in failed.value.hint
    assert written == [("shop.a", "lab:x", {"failed": "provision/1 x"})]
