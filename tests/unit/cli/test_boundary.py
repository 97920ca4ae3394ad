"""What users see of errors, and what the quick answers must not import."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import labctl.cli
from labctl.cli import context, run_state
from labctl.cli.boundary import guarded
from labctl.core.errors import (
    Interrupted,
    LabctlError,
    LabHeld,
    NotReady,
    Position,
    Problem,
    Rejected,
    UsageError,
)
from labctl.core.events import Diagnostic, StepStarted

NODE = f"test://{Path(__file__).parents[2]}/libvirt/node.xml"


def told(monkeypatch, capsys, error, *argv: str) -> tuple[int, str]:
    def fail(_argv):
        raise error

    monkeypatch.setattr(labctl.cli, "run", fail)
    code = guarded(list(argv))
    captured = capsys.readouterr()
    assert captured.out == ""
    return code, captured.err


@pytest.mark.parametrize(
    ("error", "code"),
    [(LabctlError, 1), (UsageError, 2), (NotReady, 4), (LabHeld, 5)],
    ids=str,
)
def test_each_error_has_its_code_and_the_hint_comes_last(monkeypatch, capsys, error, code):
    found = told(monkeypatch, capsys, error("it broke", hint="mend it", where="vm/db"))
    assert found == (code, "error: vm/db: it broke\n  hint: mend it\n")


def test_problems_come_one_a_line_with_a_count(monkeypatch, capsys):
    problems = [
        Problem("expected a size", "vms.web.memory", Position("Labfile.yaml", 6, 16), "as in 512MiB"),
        Problem("no such network"),
    ]
    code, text = told(monkeypatch, capsys, Rejected(problems))
    assert code == 2
    assert text.splitlines() == [
        "Labfile.yaml:6:16: vms.web.memory: expected a size (as in 512MiB)",
        "no such network",
        "error: 2 problems",
    ]


@pytest.mark.parametrize(("verb", "said"), [("validate", ""), ("plan", ""), ("up", ", nothing was changed")])
def test_only_what_changes_a_lab_says_that_it_did_not(capsys, tmp_path, verb, said):
    (tmp_path / "Labfile.yaml").write_text("{labfile: 1, name: shop, nmae: x}")
    assert guarded([verb, "-f", str(tmp_path), "-c", "test:///default"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"error: 1 problem{said}"


@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_a_traceback_shows_no_secret(monkeypatch, capsys, tmp_path, debug):
    """Of an error that nobody foresaw neither."""
    (tmp_path / "Labfile.yaml").write_text("{labfile: 1, name: shop, parameters: {pw: {secret: true}}}")

    def broken(verdict):
        raise ZeroDivisionError(f"{verdict} hunter2 'hunter2'")

    monkeypatch.setattr("labctl.app.validate.Verdict.headline", broken)
    assert guarded(["validate", "-f", str(tmp_path), "--set", "pw=hunter2", *debug]) == 1
    told = capsys.readouterr().err
    assert "internal error, ZeroDivisionError" in told
    assert ("Traceback" in told) is bool(debug)
    assert "hunter2" not in told
    assert "***" in told


def test_no_sink_and_no_writer_is_given_a_secret(capsys, tmp_path):
    """Whatever a verb hands over."""
    (tmp_path / "Labfile.yaml").write_text("{labfile: 1, name: shop, parameters: {pw: {secret: true}}}")
    assert guarded(["validate", "-f", str(tmp_path), "--set", "pw=hunter2"]) == 0
    told = []
    run_state.noticed(told.append)(Diagnostic("note", "hunter2"))
    assert told == [Diagnostic("note", "***")]
    context.write("hunter2")
    context.write_json({"hunter2": "hunter2"})
    assert "hunter2" not in capsys.readouterr().out


def test_an_interruption_says_how_far_it_was():
    sink = run_state.noticed(lambda _event: None)
    run_state.start()
    assert run_state.interrupted() == "interrupted"
    run_state.start("up")
    sink(Diagnostic("note", "no usable KVM here"))
    assert run_state.interrupted() == "interrupted: nothing was changed"
    sink(StepStarted("vm/web", "create", "create", "creating"))
    assert run_state.interrupted() == (
        "interrupted: `labctl up` goes on from here, `labctl destroy` removes what was made"
    )
    assert run_state.left() == ""


def test_a_bug_is_one_line_without_debug(monkeypatch, capsys):
    code, text = told(monkeypatch, capsys, ZeroDivisionError("oops"), "up")
    assert code == 1
    assert text.splitlines()[0] == "error: internal error, ZeroDivisionError: oops"
    assert "--debug" in text
    assert "Traceback" not in text


def test_what_the_machine_refuses_is_no_bug(monkeypatch, capsys, tmp_path):
    code, text = told(monkeypatch, capsys, IsADirectoryError(21, "Is a directory", str(tmp_path)), "up")
    assert (code, text) == (1, f"error: {tmp_path}: can't use it: Is a directory\n")


def test_a_folder_that_went_is_told_as_such(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"""
import os, sys
import labctl.cli.plan
from labctl.cli.boundary import guarded
os.chdir({str(gone)!r})
os.rmdir({str(gone)!r})
sys.exit(guarded(['plan']))
"""
    done = python("-c", script, timeout=20)
    assert (done.returncode, done.stderr) == (
        2,
        "error: the folder that you are in is gone\n  hint: cd to one that is there\n",
    )


@pytest.mark.parametrize("error", [ZeroDivisionError("oops"), LabctlError("oops")])
def test_debug_shows_the_traceback(monkeypatch, capsys, error):
    assert "Traceback" in told(monkeypatch, capsys, error, "up", "--debug")[1]


def test_an_interruption_says_what_it_means(monkeypatch, capsys):
    assert told(monkeypatch, capsys, Interrupted("nothing was changed"), "up") == (
        130,
        "interrupted: nothing was changed\n",
    )


def test_debug_of_a_command_in_a_vm_is_not_ours(monkeypatch, capsys):
    assert "Traceback" not in told(monkeypatch, capsys, LabctlError("x"), "ssh", "--", "--debug")[1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, BrokenPipeError, EOFError, LabctlError("x")])
def test_typer_leaves_errors_to_the_boundary(monkeypatch, error):
    def labs(_host):
        raise error

    monkeypatch.setattr("labctl.app.listing.labs", labs)
    with pytest.raises(error if isinstance(error, type) else type(error)):
        labctl.cli.run(["list", "-c", "test:///default"])


def interruptible() -> None:
    """As from a terminal: tests that run in the background of a shell have inherited that Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def python(*words: str, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    options = {"capture_output": True, "text": True, "check": False, "preexec_fn": interruptible} | options
    return subprocess.run(command, **options)  # noqa: PLW1510  # among the options


HEAVY = ("libvirt", "jsonschema", "rich", "typer", "pydantic", "yaml", "argparse", "labctl.cli")


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (["--version"], HEAVY),
        (["--help"], ("libvirt", "jsonschema", "yaml", "asyncio", "httpx")),  # rich lays out help
        (["up", "--help"], ("libvirt", "jsonschema", "yaml", "asyncio", "labctl.cli.plan")),
        (["validate", "-f", "-"], ("libvirt", "jsonschema", "rich", "asyncio", "pydantic")),
        (
            ["status", "-f", "-", "-c", "test:///default"],
            ("jsonschema", "rich", "asyncio", "httpx", "pycdlib", "pydantic", "labctl.cli.plan"),
        ),
    ],
    ids=lambda each: "-".join(each) if isinstance(each, list) else "",
)
def test_quick_answers_import_little(words, heavy):
    done = python("-X", "importtime", "-m", "labctl", *words, input="{labfile: 1, name: shop}")
    assert done.returncode == 0, done.stderr[-500:]
    imported = {
        line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "import time:" in line
    }
    assert imported.isdisjoint(heavy)


def test_an_interruption_ends_at_once_although_a_thread_hangs():
    script = """
import os, signal, sys, threading, time
import labctl.cli
from labctl.cli.boundary import guarded
def run(argv):
    threading.Thread(target=time.sleep, args=(60,)).start()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
labctl.cli.run = run
sys.exit(guarded(["up"]))
"""
    done = python("-c", script, timeout=20)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_an_interruption_ends_a_run_that_hangs_in_a_library():
    """As libvirt does in its first call to a daemon that hangs."""
    script = """
import ctypes, os, signal, threading, time
import labctl.cli
from labctl.cli.boundary import main
def hang():
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    lock, mutex = ctypes.CDLL(None).pthread_mutex_lock, ctypes.create_string_buffer(64)
    lock(mutex)
    lock(mutex)
labctl.cli.parse = lambda argv: hang
main([])
"""
    done = python("-c", script, "status", timeout=20)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_an_error_of_libvirt_is_not_lost_to_the_garbage_collector():
    """It would free libvirt's objects between a call and its exception, and freeing one forgets the error.

    That moment lies between libvirt's C module and its Python classes, so the test has to stand in the C module.
    """
    script = """
import gc, sys
import libvirt, labctl.cli
from labctl.cli.boundary import main
def run(argv):
    connection = libvirt.open("test:///default")
    lookup = libvirt.libvirtmod.virDomainLookupByName
    def failing(*arguments):
        garbage = [connection.listAllDomains()]
        garbage.append(garbage)
        del garbage
        found = lookup(*arguments)
        rubbish = [[] for _ in range(100_000)]  # more than any threshold of the collector
        return found
    libvirt.libvirtmod.virDomainLookupByName = failing
    try:
        connection.lookupByName("nobody")
    except libvirt.libvirtError as error:
        print(error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN)
    return 0
labctl.cli.run = run
main([])
"""
    assert python("-c", script, "status", timeout=20).stdout == "True\n"


def test_a_second_interruption_does_not_wait_for_calls_in_flight():
    script = """
import os, signal, sys, threading, time
import labctl.cli
from labctl.cli.boundary import main
def run(argv):
    threading.Thread(target=time.sleep, args=(60,)).start()
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    return 130
labctl.cli.run = run
sys.argv = ["labctl", "up"]
main([])
"""
    done = python("-c", script, timeout=20)
    assert (done.returncode, done.stderr) == (130, "")


def test_an_interruption_waits_for_calls_in_flight():
    script = """
import threading, time
import labctl.cli
from labctl.cli.boundary import main
from labctl.core.errors import Interrupted
def call():
    time.sleep(0.2)
    print("done", flush=True)
def run(argv):
    threading.Thread(target=call).start()
    raise Interrupted("nothing was changed")
labctl.cli.run = run
main(["up"])
"""
    done = python("-c", script, timeout=20)
    assert (done.returncode, done.stdout) == (130, "done\n")


def test_ctrl_c_at_a_question_is_told_in_one_line(tmp_path):
    """Libvirt's objects, which close their connections when they go, complained when half of Python was gone."""
    (tmp_path / "Labfile.yaml").write_text(
        "{labfile: 1, name: shop, vms: {a: {image: none, memory: 64MiB, disk: 1MiB, cloud_init: false}}}"
    )
    script = """
import sys
from labctl.cli import context
from labctl.cli.boundary import main
class Terminal:
    def readline(self):
        raise KeyboardInterrupt
context.interactive, sys.stdin = lambda: True, Terminal()
main(sys.argv[1:])
"""
    done = python("-c", script, "-q", "-f", str(tmp_path), "-c", NODE, "up", timeout=20)
    assert done.returncode == 130
    assert done.stderr == "apply? [y/N] \ninterrupted: nothing was changed\n"


def test_a_closed_pipe_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "labctl", "schema"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_a_name_of_a_file_reaches_no_terminal_as_it_is(tmp_path):
    """What a terminal would act on, and bytes that are no text, are escaped, on both outputs."""
    name = os.fsencode(tmp_path) + b"/a\x1b[31m\xff.yaml"
    ran = subprocess.run(
        [sys.executable, "-m", "labctl", "-f", name, "validate", "--json"], capture_output=True, check=False
    )
    assert ran.returncode == 2
    assert b"\x1b" not in ran.stdout + ran.stderr
    assert b"Traceback" not in ran.stderr
    assert b"internal error" not in ran.stderr
    assert b"no such file" in ran.stderr


@pytest.mark.parametrize(("closed", "numbers"), [(">&-", [1]), ("2>&-", [2]), ("<&- >&- 2>&-", [0, 1, 2])])
def test_streams_that_are_closed_are_no_mistake(tmp_path, closed, numbers):
    """And nothing that is opened later gets their numbers, as a connection to libvirt, on which words would go."""
    program = tmp_path / "program.py"
    program.write_text(f"""
import os, sys
from labctl.cli import boundary
def run(_argv):
    assert [os.readlink(f"/proc/self/fd/{{each}}") for each in {numbers}] == ["/dev/null"] * {len(numbers)}
    print("data")
    print("words", file=sys.stderr)
    return 7
import labctl.cli
labctl.cli.run = run
boundary.main([])
""")
    shell = f"{sys.executable} {program} {closed}"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
    assert done.returncode == 7, done
    assert done.stdout == ("" if 1 in numbers else "data\n")
    assert done.stderr == ("" if 2 in numbers else "words\n")
