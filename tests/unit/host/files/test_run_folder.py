"""Private folders of runs, and what killed ones leave."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.host.files import run_folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder.runtime, "folder", lambda: tmp_path)
    return tmp_path


def test_it_is_its_users_alone_and_goes_with_its_block(place):
    with run_folder.made("ansible-") as folder:
        assert folder.parent == place
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "variables").write_text("sesame")
    assert not folder.exists()


KILLED = """
import sys
from pathlib import Path
from labctl.host.files import run_folder
run_folder.runtime.folder = lambda: Path(sys.argv[1])
with run_folder.made("ansible-") as folder:
    (folder / "variables").write_text("sesame")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_what_a_killed_run_left_goes_with_the_next_and_what_is_in_use_stays(place):
    argv = [sys.executable, "-c", KILLED, str(place)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        left = place / Path(other.stdout.readline().strip()).name
        with run_folder.made("ansible-") as own, run_folder.made("ansible-"):
            assert (left / "variables").exists()
            assert own.exists()
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert left.exists()
    with run_folder.made("ansible-"):
        assert not left.exists()
