"""The guest's script at work, in each kind of sh that guests have, and what is done with its answers."""

import asyncio
import io
import os
from contextlib import asynccontextmanager

import pytest

from labctl.core.errors import LabctlError, LabHeld
from labctl.guest import protocol
from labctl.guest.protocol import HELLO, VERSION, Exit, GuestState, Output, Reply
from labctl.host.access import port_session
from labctl.host.access.port_session import PortSession
from labctl.host.access.port_transport import PortTransport
from labctl.host.access.transport import Completed
from tests.unit.guest_port import FakeConnection, ScriptSession, running_script, timed_out
from tests.waiting import runs, wait_until

SHELLS = {"dash": ["dash"], "busybox": ["busybox", "sh"], "bash": ["bash", "--posix"]}


@pytest.fixture(params=SHELLS)
def port(request, tmp_path):
    with running_script(tmp_path, SHELLS[request.param]) as end:
        yield end


@asynccontextmanager
async def guest(end):
    session = ScriptSession(end)
    await session.open("shop.web")
    try:
        yield PortTransport(session)
    finally:
        session.close()


def test_commands_run_with_all_that_a_process_has(port, tmp_path):
    async def check():
        async with guest(port) as way:
            text = "cat; echo wrong >&2; exit 7"
            assert await way.run(text, timeout=60) == Completed(7, b"", b"wrong\n")
            assert await way.run(text, stdin=b"said", timeout=60) == Completed(7, b"said", b"wrong\n")
            words = ["printf", "%s|", "a b", "$HOME", "'"]
            assert (await way.run(words, timeout=60)).stdout == b"a b|$HOME|'|"
            assert (await way.run("kill -KILL $$", timeout=60)).exit_code == 137
            for _ in range(4):  # each ends while its stdin arrives, which does not get in the way of the next
                assert (await way.run("exit 3", stdin=os.urandom(300_000), timeout=60)).exit_code == 3
            several = await asyncio.gather(*(way.run(f"sleep 0.{n}; echo {n}", timeout=60) for n in range(4)))
            assert [each.stdout for each in several] == [b"0\n", b"1\n", b"2\n", b"3\n"]
            assert list(tmp_path.glob("run/job.*")) == []

    asyncio.run(check())


def test_files_come_and_go_whole(port, tmp_path):
    content, path = os.urandom(400_000), tmp_path / "it's a file"

    async def check():
        async with guest(port) as way:
            await way.put(content, str(path), mode=0o640, timeout=60)
            assert await way.get(str(path), timeout=60) == content
            copy = io.BytesIO()
            await way.get(str(path), copy, timeout=60)
            assert copy.getvalue() == content
            await way.put(b"", str(tmp_path / "empty"), timeout=60)
            with pytest.raises(LabctlError, match=r"can't write .*: it is a folder"):
                await way.put(b"x", str(tmp_path), timeout=60)
            with pytest.raises(LabctlError, match=r"can't read /nowhere in the guest: .*[Nn]o such file"):
                await way.get("/nowhere", timeout=60)

    asyncio.run(check())
    assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "empty").read_bytes() == b""
    assert list(tmp_path.glob("*.??????")) == []


def test_what_takes_too_long_is_ended_with_its_children(port, tmp_path):
    async def check():
        async with guest(port) as way:
            child = tmp_path / "child"
            text = f"echo begun; trap '' TERM; sleep 100 & echo $! >{child}; wait; sleep 100"
            late = await timed_out(way, text, child)
            assert late.summary.startswith("it did not end within ")
            assert (late.stdout, late.stderr) == (b"begun\n", b"")
            await asyncio.to_thread(wait_until, lambda: not runs(int(child.read_text())))
            assert (await way.run("echo on", timeout=60)).stdout == b"on\n"

    asyncio.run(check())


def test_a_host_that_hangs_up_leaves_nothing_behind(port, tmp_path):
    async def check():
        async with guest(port) as way:
            command = f"echo $$ >{tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 100"
            running = asyncio.create_task(way.run(command, timeout=None))
            await asyncio.to_thread(wait_until, (tmp_path / "pid").exists)
        with pytest.raises(LabctlError, match="it hung up"):
            await running

    asyncio.run(check())
    wait_until(lambda: not runs(int((tmp_path / "pid").read_text())))


def test_what_a_guest_says_is_bounded(port):

    async def check():
        async with guest(port) as way:
            with pytest.raises(LabctlError, match="it wrote more than 192KiB to its stderr"):
                await way.run("yes >&2", timeout=60, limit=192 << 10)
            with pytest.raises(LabctlError, match="longer than 64 KiB"):
                await way.run("true " + "x" * 70_000, timeout=60)
            with pytest.raises(LabctlError, match="has a NUL"):
                await way.run("true \0", timeout=60)

    asyncio.run(check())


def test_a_guest_answers_to_any_word_in_json(port):
    """Most words need no escapes, and are written without a process."""

    async def check():
        session = ScriptSession(port)
        await session.open("shop.web")
        try:
            for mac in ("not-one", 'a"b', "a\\b"):
                session.send(protocol.command_nic(mac, ()))
                assert await session.reply(f"nic {mac}") == Reply(f"nic {mac}", ok=False, detail="not a MAC")
        finally:
            session.close()

    asyncio.run(check())


def test_a_guest_sends_no_more_of_a_stream_than_the_host_deals_with(port):
    """Another command goes on meanwhile."""

    async def check():
        session = ScriptSession(port)
        await session.open("shop.web")
        with session.new_run() as (run, events):
            session.send(protocol.command_run(run, "head -c 200000 /dev/zero", stdin=False))
            sizes, event = [], await events.get()
            await PortTransport(session).run("true", timeout=60)
            while isinstance(event, Output):
                assert events.empty()
                sizes.append(len(event.data))
                session.send(protocol.command_more(event))
                event = await events.get()
        assert (event, sum(sizes)) == (Exit(run, 0), 200_000)
        session.close()

    asyncio.run(check())


class HeldSession(PortSession):
    """One whose port two others have, one after the other."""

    def __init__(self):
        super().__init__(FakeConnection())
        self._holders = ["PID 7", "PID 7", "PID 7", "PID 8"]

    def _open(self, _libvirt_name):
        if self._holders:
            raise LabHeld(self._holders.pop(0))


def test_who_has_the_port_is_told_once(monkeypatch):
    monkeypatch.setattr(port_session, "HELD_POLL_S", 0)
    told = []

    async def check():
        await HeldSession().open("shop.web", told.append)

    asyncio.run(check())
    assert told == ["waiting: PID 7", "waiting: PID 8"]


class OlderPort:
    """One whose script is of version 1 until it is renewed."""

    def __init__(self, arrived):
        self.renewals = 0
        self._arrived, self._messages = arrived, []
        self.send(HELLO)

    def send(self, line):
        match line.split():
            case ["hello"]:
                self._messages.append(GuestState("done", version=VERSION if self.renewals else 1))
            case ["check", "renew", "60", "1", "exec", _]:
                self.renewals += 1
            case ["run", name, _]:
                self._messages.append(Exit(name, 0))
        self._arrived()

    def take(self):
        messages, self._messages = self._messages, []
        return messages


class OlderSession(PortSession):
    def _open(self, _libvirt_name):
        self.port = OlderPort(self._arrived)
        return self.port


def test_an_older_script_is_renewed_once_for_all_commands_that_wait_for_it(monkeypatch):
    """A second renewal would end the script of the first, with what that runs."""
    monkeypatch.setattr(port_session, "RENEW_POLL_S", 0.01)

    async def check():
        session = OlderSession(FakeConnection())
        await session.open("shop.web")
        way = PortTransport(session)
        done = await asyncio.gather(*(way.run("true", timeout=60) for _ in range(3)))
        assert [each.exit_code for each in done] == [0, 0, 0]
        assert session.port.renewals == 1

    asyncio.run(check())
