"""Programs that labctl runs end with it, and their last words are told."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.machine import command
from tests.waiting import runs, wait_until


def test_a_failing_program_gives_its_last_words() -> None:
    told: list[str] = []
    with pytest.raises(LabctlError, match=r"sh failed \(3\):\nalas"):
        command.run(["sh", "-c", "echo alas >&2; exit 3"], told.append)
    assert told == ["alas"]


def test_an_interruption_ends_the_children_too(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    def interrupt(_line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        command.run(["sh", "-c", f"sleep 60 & echo $! >{note}; echo go; wait"], interrupt)
    wait_until(lambda: not runs(int(note.read_text())))


def test_a_killed_labctl_takes_its_program_along(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "import sys; from labctl.host.machine import command; command.run(['sh', '-c', sys.argv[1]], print)"
    )
    script = f"echo $$ >{note}.new; mv {note}.new {note}; exec sleep 60"
    victim = subprocess.Popen([sys.executable, "-c", code, script], cwd=Path(__file__).parents[4])
    wait_until(lambda: note.exists() or victim.poll() is not None)
    assert note.exists(), "it ended before its program began"
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    wait_until(lambda: not runs(int(note.read_text())))
