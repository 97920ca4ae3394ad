"""A session with a guest that answers what nobody asked."""

import asyncio

import pytest

from labctl.core.errors import LabctlError
from labctl.guest import protocol
from labctl.guest.protocol import Exit, GuestState, Output, Reply, StdinWanted
from labctl.guest.quota import TooMuch
from labctl.host.access import port_session
from labctl.host.access.port_session import PortSession
from tests.unit.guest_port import FakeConnection


class Port:
    """A port of which the tests say what arrives."""

    def __init__(self):
        self.lines = []

    def send(self, line):
        self.lines.append(line)

    def close(self):
        self.lines.append("closed")


class Session(PortSession):
    def _open(self, _libvirt_name):
        self.port = Port()
        self.port.take = list
        return self.port

    @property
    def kept(self):
        return [*self._replies, *self._asked]

    def end(self, excess):
        self._closed(excess)

    def arrive(self, *messages):
        self._port.take = lambda: messages
        self._take()
        self._port.take = list


def with_session(check):
    async def run():
        session = Session(FakeConnection())
        await session.open("shop.web")
        await check(session)

    asyncio.run(run())


def test_replies_to_nothing_are_not_kept():
    async def check(session):
        session.send(protocol.command_hosts([]))
        session.arrive(*(Reply(f"nic {number}", ok=True) for number in range(10_000)))
        session.arrive(*(Reply("hosts", ok=ok) for ok in (True, False, False)))
        assert (await session.reply("hosts")).ok, "the first one counts"
        assert session.kept == []

    with_session(check)


def test_of_a_command_that_runs_no_more_is_kept_than_a_piece_of_each_stream():
    async def check(session):
        with session.new_run() as (run, events):
            session.send(protocol.command_run(run, "true", stdin=True))
            for _ in range(1000):
                session.arrive(Output(run, "stdout", b"x"), Output(run, "stderr", b"y"), StdinWanted(run))
                session.arrive(Output("77", "stdout", b"x"), Exit("77", 0))
            assert events.qsize() == 3
            session.send(protocol.command_more(Output(run, "stdout", b"x")))
            session.arrive(Output(run, "stdout", b"x"), Output(run, "stdout", b"x"))
            assert events.qsize() == 4
            session.arrive(Exit(run, 0), Exit(run, 1))
            assert events.qsize() == 5
        session.arrive(Output(run, "stdout", b"x"))
        assert session.kept == []

    with_session(check)


def test_only_the_guest_s_word_for_this_piece_lets_the_next_line_go():
    async def check(session):
        with session.new_run() as (run, _events):
            session.send(protocol.command_run(run, "cat", stdin=True))
            session.send(protocol.command_stdin(run, b"x"))
            session.send(protocol.command_kill(run))
            session.arrive(Reply("stdin 9", ok=True), Reply("stdin ", ok=True))
            assert len(session.port.lines) == 2
            session.arrive(Reply(f"stdin {run}", ok=True))
            assert session.port.lines[2:] == [protocol.command_kill(run)]

    with_session(check)


def test_of_a_state_only_the_latest_is_kept():
    async def check(session):
        session.arrive(*(GuestState("init", log=str(number)) for number in range(1000)))
        assert session.state == GuestState("init", log="999")

    with_session(check)


@pytest.mark.parametrize(("excess", "kind"), [("", LabctlError), ("a line of more than 1MiB", TooMuch)])
def test_who_waits_learns_why_the_session_is_over(excess, kind):
    async def check(session):
        waiting = asyncio.create_task(session.reply("hosts"))
        with session.new_run() as (_run, events):
            session.end(excess)
            session.end("")
            assert await events.get() is None
        with pytest.raises(LabctlError, match=excess or "it hung up") as over:
            await waiting
        assert type(over.value) is kind
        with pytest.raises(LabctlError, match=excess or "it hung up"), session.new_run():
            pass

    with_session(check)


def test_each_of_those_who_wait_gets_every_message():
    async def check(session):
        session.send(protocol.command_hosts([]))
        session.send(protocol.command_nic("52:54:00:00:00:01", ()))
        names = ("hosts", "nic 52:54:00:00:00:01")
        waiting = [asyncio.create_task(session.reply(name)) for name in names]
        await asyncio.sleep(0)
        session.arrive(*(Reply(name, ok=True) for name in names))
        assert [reply.ok for reply in await asyncio.gather(*waiting)] == [True, True]

    with_session(check)


def test_those_who_open_one_port_share_a_session_until_the_last_one_closes(monkeypatch):
    monkeypatch.setattr(port_session, "PortSession", Session)

    async def check():
        connection = FakeConnection()
        async with port_session.opened(connection, "shop.web") as first:
            async with port_session.opened(connection, "shop.web") as second:
                assert second is first
            async with port_session.opened(connection, "shop.db") as other:
                assert other is not first
            assert first.port.lines == []
        assert first.port.lines == other.port.lines == ["closed"]
        async with port_session.opened(connection, "shop.web") as anew:
            assert anew is not first

    asyncio.run(check())


def test_who_opens_a_port_after_the_guest_hung_up_gets_a_new_session(monkeypatch):
    monkeypatch.setattr(port_session, "PortSession", Session)

    async def check():
        connection = FakeConnection()
        async with port_session.opened(connection, "shop.web") as first:
            first.end("")
            with pytest.raises(LabctlError, match="it hung up"):
                await first.reply("hosts")
            async with port_session.opened(connection, "shop.web") as second:
                assert (first.port.lines, second.port.lines) == (["closed"], [])
        assert second.port.lines == ["closed"]

    asyncio.run(check())


def test_a_port_that_can_t_be_opened_is_left_as_it_was(monkeypatch):
    class Gone(Session):
        def _open(self, _libvirt_name):
            raise LabctlError("the domain does not run")

    async def check():
        connection = FakeConnection()
        monkeypatch.setattr(port_session, "PortSession", Gone)
        with pytest.raises(LabctlError, match="does not run"):
            async with port_session.opened(connection, "shop.web"):
                pass
        monkeypatch.setattr(port_session, "PortSession", Session)
        async with port_session.opened(connection, "shop.web"):
            pass

    asyncio.run(check())
