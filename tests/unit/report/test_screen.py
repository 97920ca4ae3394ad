"""Texts of guests and of others reach a terminal as texts: in each event, in each sink, in what the verbs print."""

import ast
import io
import json
import os
import pty
import re
import threading
from pathlib import Path

import pytest

from labctl.cli import boundary, context
from labctl.core.errors import LabctlError, Problem, Rejected
from labctl.core.events import (
    Diagnostic,
    Ending,
    Finished,
    StepFailed,
    StepProgress,
    StepSkipped,
    StepStarted,
    VmStage,
)
from labctl.core.record import fields, replace
from labctl.report import screen
from labctl.report.colour import Paint
from labctl.report.plain import Plain
from labctl.report.plantext import Style, render
from labctl.report.statustext import coloured
from labctl.report.terminal import Terminal
from tests.unit.core.test_text import HOSTILE
from tests.unit.report.samples import EVENTS, json_lines, sample

PACKAGE = Path(__file__).parents[3] / "labctl"
SAMPLES = {
    type(each).__name__: each
    for each in (
        StepStarted("vm/web", "create", "create", "creating"),
        StepProgress("vm/web", "downloading", 1, 2),
        StepFailed("vm/web", "create", "failed", "a hint"),
        StepSkipped("vm/web", "create", "vm/db failed"),
        VmStage("web", "booted", 1.0),
        Diagnostic("warning", "cloud-init: it", "a hint"),
        Finished(Ending.FAILED, failed=1, next="mend it"),
    )
}
# What labctl itself sends to a terminal, and rich for its live part.
OURS = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[lh]|[0-9]*[AKG]|2K)|\r")


def shown_on_a_terminal(write) -> str:
    """What a terminal gets while `write` is given its file."""
    master, slave = pty.openpty()
    got = []

    def read() -> None:
        try:
            while data := os.read(master, 65536):
                got.append(data)
        except OSError:
            pass  # the other end is closed

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(slave, "w", encoding="utf-8", errors="backslashreplace") as stream:
        write(stream)
    reader.join()
    os.close(master)
    return b"".join(got).decode("utf-8", "surrogateescape")


def harmless(text: str, hostile: str) -> bool:
    """Whether nothing of a hostile text is left but printable characters, and all else is labctl's."""
    rest = OURS.sub("", text).replace("\n", "").replace("\t", "")
    return hostile not in text and rest.isprintable()


def poisoned(event, hostile):
    """The event with the hostile text in each of its texts, but for words of labctl's own."""
    own = {"severity", "ending", "action", "verb"}
    texts = {each.name: getattr(event, each.name) for each in fields(event) if each.name not in own}
    return replace(
        event, **{name: f"{text}<{hostile}>" for name, text in texts.items() if isinstance(text, str)}
    )


def sinks(stream):
    return (Plain(stream, verbose=True), Terminal(stream, verbose=True), json_lines(stream))


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_no_event_acts_on_a_terminal_in_any_sink(hostile, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")

    def write(stream):
        for sink in sinks(stream):
            for event in SAMPLES.values():
                sink(poisoned(event, hostile))

    assert harmless(shown_on_a_terminal(write), f"<{hostile}>")


def test_every_event_with_a_text_is_among_the_samples():
    kinds = {type(each).__name__ for each in EVENTS}
    assert kinds - set(SAMPLES) == {"PlanReady", "StepDone"}, (
        "these two are a plan, and words of labctl's own"
    )


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_no_plan_or_table_acts_on_a_terminal(hostile):
    """Also coloured ones: the codes of colours in it are labctl's, and a text can't bring its own."""
    paint = Paint(enabled=True)
    plan = replace(sample(), lab=f"shop<{hostile}>", connection=f"qemu<{hostile}>")
    texts = [
        render(plan, Style(paint)),
        coloured(("VM", "state", "ip"), [[f"<{hostile}>", "running", [f"<{hostile}>"]]], paint, 80),
    ]

    def write(stream):
        for text in texts:
            screen.write(stream, text)

    got = shown_on_a_terminal(write)
    assert harmless(got, f"<{hostile}>")
    assert "\x1b[32mrunning\x1b[0m" in got
    assert "\x1b[1mshop<" in got


def test_a_text_can_t_colour_itself():
    stream = io.StringIO()
    screen.write(stream, f"\x1b[31mred {Paint(enabled=True).green('ours')}\n")
    assert stream.getvalue() == "\\x1b[31mred \x1b[32mours\x1b[0m\n"


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_nothing_that_verbs_print_acts_on_a_terminal(hostile, monkeypatch):
    problem = Problem(f"<{hostile}>", f"vms.<{hostile}>", hint=f"<{hostile}>")
    errors = [
        LabctlError(f"<{hostile}>", hint=f"<{hostile}>"),
        Rejected([problem]),
        RuntimeError(f"<{hostile}>"),
    ]

    def fail(argv):
        raise errors[int(argv[0])]

    monkeypatch.setattr("labctl.cli.run", fail)

    def write(stream):
        monkeypatch.setattr("sys.stdout", stream)
        monkeypatch.setattr("sys.stderr", stream)
        context.say(f"<{hostile}>")
        context.write(f"<{hostile}>")
        context.write_json({"name": f"<{hostile}>"})
        for number in range(len(errors)):
            boundary.guarded([str(number), "--debug"])

    got = shown_on_a_terminal(write)
    monkeypatch.undo()
    assert harmless(got, f"<{hostile}>")


def test_a_text_of_an_event_has_a_bounded_length():
    stream = io.StringIO()
    for sink in sinks(stream):
        stream.truncate(0)
        sink(StepFailed("vm/web", "create", "\x1b" * 1_000_000, "x" * 1_000_000))
        sink(Finished(Ending.FAILED))
        assert len(stream.getvalue()) < 20 * screen.LONGEST


def test_json_lines_stay_whole():
    stream = io.StringIO()
    json_lines(stream)(Diagnostic("note", "a\u2028b\x85c\nd"))
    lines = stream.getvalue().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["Format", "Diagnostic"]


def writes(path: Path) -> set[str]:
    """The calls of a file that write to a stream."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = {ast.unparse(each.func) for each in calls}
    return {
        each for each in names if re.fullmatch(r"print|.*\.(write|writelines|print_exc|echo|secho)", each)
    }


def test_texts_leave_by_one_way_only():
    found = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for folder in ("report", "cli")
        for path in (PACKAGE / folder).rglob("*.py")
        for name in writes(path)
        if name not in ("screen.write", "context.write")
    }
    assert found == {"report/screen.py: stream.write"}


def test_what_a_user_runs_in_a_guest_is_the_users_own_stream():
    """`labctl ssh VM -- COMMAND`, `exec` in one VM and `console` pass bytes on; labctl's filter ends at these files."""
    raw = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if re.search(r"sys\.stdout\.buffer|os\.write\(screen", path.read_text())
    }
    assert raw == {"cli/exec.py", "cli/ssh.py", "host/access/terminal.py"}
