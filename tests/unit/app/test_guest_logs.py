"""Logs in guests: the text for sh, on real files, and what is told of their lines."""

import asyncio
import subprocess
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from labctl.app import guest_logs
from labctl.app.guest_logs import Asked
from labctl.core.errors import LabctlError, UsageError
from labctl.host.access.transport import Completed

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LOG = b"one\ntwo\nthree\n"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "it's a log"
    path.write_bytes(LOG)
    return path


def said(path, offset=0, last=None):
    done = subprocess.run(
        ["sh", "-c", guest_logs.script(str(path), offset, last)],
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("offset", "last", "expected"),
    [
        (0, None, b"0\n" + LOG),
        (4, None, b"4\ntwo\nthree\n"),
        (len(LOG), None, b"14\n"),
        (len(LOG) + 1, None, b"0\n" + LOG),  # another file of that name
        (0, 1, b"8\nthree\n"),
        (0, 0, b"14\n"),
    ],
)
def test_a_log_is_read_from_where_it_was_left(log, offset, last, expected):
    assert said(log, offset, last) == (0, expected)


def test_of_a_long_log_the_end_is_read(log, monkeypatch):
    monkeypatch.setattr(guest_logs, "LOG_BYTES", 6)
    assert said(log) == (0, b"8\nthree\n")


def test_a_log_that_is_not_there_has_a_code_of_its_own(log):
    assert said(log.parent / "none")[0] == guest_logs.MISSING


@pytest.mark.parametrize(
    ("sent", "said"), [(b"12\n" + b"x" * 41, "sends more than 40"), (b"x\n", "did not say what it sends")]
)
def test_a_guest_that_sends_something_else_is_told_of(monkeypatch, session, sent, said):
    monkeypatch.setattr(guest_logs, "LOG_BYTES", 20)
    log = guest_logs._GuestLog(session, "web", "provision", Asked(), print)  # noqa: SLF001
    with pytest.raises(LabctlError, match=said):
        log._arriving().write(sent)  # noqa: SLF001  # what a transport writes to


def test_lines_have_no_controls(session):
    told = []
    log = guest_logs._GuestLog(session, "web", "provision", Asked(follow=True), told.extend)  # noqa: SLF001
    log._arriving().write(b"0\n\x1b[2Jone\x00\r\nt\x07wo\n")  # noqa: SLF001
    assert [each.line for each in told] == ["one", "two"]


def test_lines_are_told_since_a_moment(monkeypatch, session):
    """A line that tells no time is as old as the one before it."""
    told = []
    asked = Asked(follow=True, since=guest_logs.since("1h", NOW, ["provision"]))
    log = guest_logs._GuestLog(session, "web", "provision", asked, told.extend)  # noqa: SLF001
    lines = ["before all", "2026-11-27T10:59:00Z old", "old too", "2026-11-27T11:01:00Z new", "new too"]
    log._take([*lines, "2020-01-01T00:00:00Z old again"])  # noqa: SLF001
    assert [each.line for each in told] == ["2026-11-27T11:01:00Z new", "new too"]


@pytest.mark.parametrize(
    ("text", "sources", "summary"),
    [
        ("1h", [], "--since: the lines of a console have no times"),
        ("soon", ["provision"], "--since soon: neither a duration nor a time"),
    ],
)
def test_a_moment_that_can_not_be_had_is_an_error(text, sources, summary):
    with pytest.raises(UsageError) as refused:
        guest_logs.since(text, NOW, sources)
    assert refused.value.summary == summary


class Guest:
    """A guest whose shell says this, each time something else."""

    def __init__(self, *said):
        self.said, self.opened = list(said), 0

    async def run(self, _text, *, timeout, stdout):  # noqa: ASYNC109
        code, data = self.said.pop(0) if self.said else await asyncio.sleep(3600)
        stdout.write(data)
        return Completed(code, b"", b"")


@pytest.fixture
def guests(monkeypatch):
    """Lets VMs have guests; those of others are off. Gives whether the way there is the port."""
    there, by_port = {}, set()

    def find(_session, vm):
        if vm not in there:
            raise LabctlError(f"{vm} is off")
        return SimpleNamespace(vm=vm, by_port=vm in by_port)

    @asynccontextmanager
    async def opened(_session, way):
        there[way.vm].opened += 1
        yield there[way.vm]

    monkeypatch.setattr(guest_logs, "POLL_S", 0)
    monkeypatch.setattr(guest_logs.transport, "find", find)
    monkeypatch.setattr(guest_logs.transport, "opened", opened)
    monkeypatch.setattr(
        guest_logs.transport, "connected", lambda session, vm: opened(session, find(session, vm))
    )
    return there, by_port


def test_where_no_log_can_be_read_that_is_an_error_and_else_it_is_told(session, guests):
    guests[0]["db"] = Guest((0, b"0\nline\nrest"))
    guests[0]["dc"] = Guest((guest_logs.MISSING, b""))
    told = []
    failed = guest_logs.tell_logs(session, ["web", "db", "dc"], ["cloud-init"], Asked(), told.extend)
    assert [each.summary for each in failed] == [
        "web is off",
        "its guest has no /var/log/cloud-init-output.log yet",
    ]
    assert [each.to_json() for each in told] == [
        {"event": "LogLine", "vm": "db", "line": "line", "source": "cloud-init"},
        {"event": "LogLine", "vm": "db", "line": "rest", "source": "cloud-init"},
    ]
    with pytest.raises(LabctlError, match="web is off"):
        guest_logs.tell_logs(session, ["web"], ["cloud-init"], Asked(), told.extend)


@pytest.mark.parametrize(("port", "times"), [(False, 1), (True, 3)])
def test_a_log_is_followed_and_the_port_is_had_for_a_moment_each_time(session, guests, port, times):
    """Others, as `labctl ssh`, want it too. Who asks to stop ends it."""
    guest = guests[0]["web"] = Guest((0, b"0\none\ntw"), (0, b"6\n"), (0, b"6\no\nlast\n"))
    guests[1].update(["web"] * port)
    told = []

    def tell(lines):
        told.extend(line.line for line in lines)
        if "last" in told:
            session.stop.ask()

    with pytest.raises(KeyboardInterrupt):
        guest_logs.tell_logs(session, ["web"], ["provision"], Asked(follow=True), tell)
    assert told == ["one", "two", "last"]
    assert guest.opened == times


def test_why_a_log_can_not_be_followed_yet_is_told_once(session, guests):
    guests[0]["web"] = Guest(*[(guest_logs.MISSING, b"")] * 3, (0, b"0\nline\n"))
    waiting = []
    asked = Asked(follow=True, waiting=waiting.append)
    with pytest.raises(KeyboardInterrupt):
        guest_logs.tell_logs(
            session, ["web"], ["provision"], asked, lambda lines: lines and session.stop.ask()
        )
    assert waiting == ["vm/web: its guest has no /var/log/labctl-provision.log yet; waiting"]


def test_a_vm_that_is_off_and_a_libvirt_that_is_away_are_waited_for(session, guests, monkeypatch):
    reopened = []

    def reopen(_hosts):
        reopened.append(1)
        if len(reopened) == 2:
            guests[0]["web"] = Guest((0, b"0\nline\n"))
        raise LabctlError("libvirt does not answer")

    monkeypatch.setattr(type(session.hosts), "reopen", reopen)
    waiting = []
    asked = Asked(follow=True, waiting=waiting.append)
    with pytest.raises(KeyboardInterrupt):
        guest_logs.tell_logs(
            session, ["web"], ["provision"], asked, lambda lines: lines and session.stop.ask()
        )
    assert (waiting, len(reopened)) == (["web is off; waiting"], 2)
