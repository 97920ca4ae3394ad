"""Ctrl-C and SIGTERM, in processes of their own."""

import signal
import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys, threading, time
from labctl.cli import interruptions
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in a shell's background inherit that it is ignored
interruptions.REACTION_S = 0.2
interruptions.end_by(lambda: os._exit(99))
interruptions.watch()
asked = []
def stop():
    asked.append(1)
    return %(changing)s
try:
    with interruptions.asking(stop):
        os.kill(os.getpid(), signal.%(name)s)
        time.sleep(1)  # longer than anybody waits for a reaction
except KeyboardInterrupt:
    sys.exit(98)
sys.exit(len(asked))
"""


def ended(script: str) -> tuple[int, str]:
    """The exit code of a process of its own, and what it said on standard error."""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(("changing", "code"), [(True, 1), (False, 98)])
def test_a_run_that_changes_something_is_asked_and_another_ends_as_python_does(name, changing, code):
    script = SCRIPT % {"name": name, "changing": changing}
    assert ended(script) == (code, "")


BUSY = """
import types
slow = lambda seconds: time.sleep(5 * seconds)
interruptions.time = types.SimpleNamespace(monotonic=time.monotonic, sleep=slow)
interruptions.watch()
"""


def test_a_run_that_was_asked_goes_on_where_the_machine_is_busy():
    script = (SCRIPT % {"name": "SIGINT", "changing": True}).replace("interruptions.watch()\n", BUSY)
    script = script.replace("time.sleep(1)", "time.sleep(2)")
    assert ended(script) == (1, "")


TO_THE_GROUP = """
import os, signal, sys, threading, time
from labctl.cli import interruptions
signal.signal(signal.SIGINT, signal.default_int_handler)
asked = []
def stop():
    asked.append(1)
    return %(changing)s
def again():
    time.sleep(0.02)
    os.kill(os.getpid(), signal.%(name)s)
try:
    with interruptions.asking(stop):
        threading.Thread(target=again).start()
        os.kill(os.getpid(), signal.%(name)s)
        time.sleep(0.3)
        os.kill(os.getpid(), signal.%(name)s)
except KeyboardInterrupt:
    time.sleep(0.3)
    sys.exit(98)
sys.exit(len(asked))
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(("changing", "code"), [(True, 2), (False, 98)])
def test_one_that_comes_twice_at_once_is_one_request(name, changing, code):
    script = TO_THE_GROUP % {"name": name, "changing": changing}
    assert ended(script) == (code, "")


def test_handlers_are_as_before_afterwards():
    from labctl.cli import interruptions

    before = signal.getsignal(signal.SIGTERM)
    with interruptions.asking(lambda: True):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_what_goes_on_until_then_ends_as_python_does(name):
    from labctl.cli import interruptions

    with pytest.raises(KeyboardInterrupt), interruptions.until_interrupted():
        signal.raise_signal(getattr(signal, name))


WHILE_MODULES_ARE_LOADED = """
import os, signal, sys
from labctl.__main__ import main
signal.signal(signal.SIGINT, signal.%(handler)s)
class Interrupting:
    def find_spec(self, name, path, target=None):
        if name == "labctl.cli.boundary":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv[1:] = ["help"]
main()
"""


@pytest.mark.parametrize(("handler", "code"), [("default_int_handler", -signal.SIGINT), ("SIG_IGN", 0)])
def test_a_process_that_has_only_begun_to_load_ends_without_a_word(handler, code):
    script = WHILE_MODULES_ARE_LOADED % {"handler": handler}
    assert ended(script) == (code, "")
