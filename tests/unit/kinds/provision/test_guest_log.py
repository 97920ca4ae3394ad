"""The log of steps in a guest, written by a real shell."""

import asyncio
import re
import subprocess
from functools import partial

import pytest

from labctl.host.access.transport import Completed
from labctl.kinds.provision import guest_log
from labctl.kinds.provision.spec import ProvisionSpec

STEP = ProvisionSpec("web", 1, name="it's")


class Shell:
    """Runs a text for sh here."""

    async def run(self, text, *, stdin, **_options):
        run = partial(subprocess.run, input=stdin, capture_output=True, check=False)
        done = await asyncio.to_thread(run, ["sh", "-c", text])
        return Completed(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def log(tmp_path, monkeypatch):
    path = tmp_path / "log"
    monkeypatch.setattr(guest_log, "PATH", str(path))
    return path


def append(text):
    asyncio.run(guest_log.append(Shell(), STEP, text))


def test_what_a_step_said_stands_below_its_name(log):
    append("one\n$(two)")
    append("three")
    lines = re.sub(r"[0-9-]+T[0-9:]+Z", "NOW", log.read_text()).splitlines()
    title = "=== NOW provision/web/1 it's"
    assert lines == [title, "one", "$(two)", title, "three"]
    assert log.stat().st_mode & 0o777 == 0o600


def test_it_is_bounded(log, monkeypatch):
    monkeypatch.setattr(guest_log, "MOST_BYTES", 100)
    log.write_text("x" * 60 + "y" * 50)
    append("new")
    text = log.read_text()
    assert text.startswith("y" * 50 + "===")
    assert text.endswith("\nnew\n")


def test_it_is_written_through_no_link(log):
    other = log.with_name("other")
    other.write_text("")
    log.symlink_to(other)
    append("new")
    assert (other.read_text(), log.is_symlink()) == ("", False)
