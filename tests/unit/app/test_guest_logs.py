"""Logs in guests: the text for sh, on real files, and what is told of their lines."""

import asyncio
import subprocess
from datetime import UTC, datetime

import pytest

from labctl.app import guest_logs
from labctl.app.guest_logs import Asked
from labctl.core.errors import Interrupted, LabctlError, UsageError

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
LOG = b"one\ntwo\nthree\n"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "it's a log"
    path.write_bytes(LOG)
    return path


def said(path, offset=0, last=None):
    done = subprocess.run(
        ["sh", "-c", guest_logs.script(str(path), offset, last, follow=False)],
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


def test_where_no_log_can_be_read_that_is_an_error_and_else_it_is_told(monkeypatch, session):
    async def read(log, *, follow):
        if log._vm == "web":  # noqa: SLF001
            raise LabctlError("it is off")
        log._arrived(0, b"line\n")  # noqa: SLF001

    monkeypatch.setattr(guest_logs._GuestLog, "_read", read)  # noqa: SLF001
    told = []
    failed = guest_logs.tell_logs(session, ["web", "db"], ["cloud-init"], Asked(), told.extend)
    assert [str(each) for each in failed] == ["it is off"]
    assert [each.to_json() for each in told] == [{"vm": "db", "line": "line", "source": "cloud-init"}]
    with pytest.raises(LabctlError, match="it is off"):
        guest_logs.tell_logs(session, ["web"], ["cloud-init"], Asked(), told.extend)


def test_who_asks_it_to_stop_ends_what_runs_in_the_guests(monkeypatch, session):
    ended = []

    async def read(_log, *, follow):
        try:
            session.stop.ask()
            await asyncio.sleep(60)
        finally:
            ended.append(follow)

    monkeypatch.setattr(guest_logs._GuestLog, "_read", read)  # noqa: SLF001
    monkeypatch.setattr(guest_logs._GuestLog, "_another_boot", lambda _log: asyncio.sleep(60))  # noqa: SLF001
    with pytest.raises(Interrupted):
        guest_logs.tell_logs(session, ["web"], ["provision"], Asked(follow=True), print)
    assert ended == [True]
