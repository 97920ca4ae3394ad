"""Private folders of runs, and what killed ones leave."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.host.files import run_folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    for name in ("folder", "existing"):
        monkeypatch.setattr(run_folder.runtime, name, lambda: tmp_path)
    return tmp_path


def test_it_is_its_users_alone_and_goes_with_its_block(place):
    with run_folder.made("ansible") as folder:
        assert folder.parent == place
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "variables").write_text("sesame")
    assert not folder.exists()


KILLED = """
import sys
from pathlib import Path
from labctl.host.files import run_folder
run_folder.runtime.folder = lambda: Path(sys.argv[1])
with run_folder.made("ansible") as folder:
    (folder / "variables").write_text("sesame")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def killed(place):
    """Gives the folder of another run, and kills it when it is called."""
    argv = [sys.executable, "-c", KILLED, str(place)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:

        def kill():
            other.send_signal(signal.SIGKILL)
            other.wait()

        kill.folder = place / Path(other.stdout.readline().strip()).name
        yield kill
        other.kill()


def test_what_a_killed_run_left_goes_with_the_next_and_what_is_in_use_stays(killed):
    with run_folder.made("rsync") as own, run_folder.made("rsync"):
        run_folder.sweep()
        assert (killed.folder / "variables").exists()
        assert own.exists()
    killed()
    assert killed.folder.exists()
    with run_folder.made("rsync"):
        assert not killed.folder.exists(), "whatever it was for"


def test_a_run_that_needs_no_folder_removes_it_too(killed):
    killed()
    run_folder.sweep()
    assert not killed.folder.exists()


def test_who_finds_nothing_makes_nothing(place):
    run_folder.sweep()
    assert list(place.iterdir()) == []
