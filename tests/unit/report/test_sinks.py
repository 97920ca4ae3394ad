"""The sinks, fed with recorded events."""

import io
import json
import re
import threading

import jsonschema
import pytest
from referencing import Registry, Resource

from labctl import resources
from labctl.core.events import Diagnostic, Finished, PlanReady, StepDone, StepSkipped, StepStarted, VmStage
from labctl.core.plan import Plan
from labctl.report.jsonlines import JsonLines
from labctl.report.plain import Plain
from labctl.report.redact import hidden, redacting
from labctl.report.terminal import Terminal
from tests.unit.report.samples import EVENTS, sample, state_changed

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Tty(io.StringIO):
    def isatty(self):
        return True


def fed(sink, events=EVENTS):
    for event in events:
        sink(event)


def plain(events=EVENTS, **options) -> str:
    stream = io.StringIO()
    fed(Plain(stream, **options), events)
    return stream.getvalue()


@pytest.mark.parametrize(
    "options", [{}, {"quiet": True}, {"verbose": True}], ids=lambda each: "-".join(each) or "normal"
)
def test_plain(golden, options):
    golden(f"plain-{'-'.join(options) or 'normal'}.txt", plain(**options))


def test_an_empty_plan_is_one_line():
    events = [
        PlanReady(Plan("shop", "test:///", unchanged=3)),
        Finished(ok=True, exit_code=0, done=0, failed=0, skipped=0, seconds=0.1),
    ]
    assert plain(events) == "nothing to do: 3 unchanged\n"


def test_a_refusal_says_only_that():
    assert (
        plain(
            [
                Finished(
                    ok=False,
                    exit_code=1,
                    done=0,
                    failed=0,
                    skipped=0,
                    seconds=0.0,
                    next="nothing was changed",
                )
            ]
        )
        == "nothing was changed\n"
    )


def test_an_interruption_says_what_is_next():
    text = plain(
        [
            Finished(
                ok=False, exit_code=130, done=2, failed=0, skipped=1, seconds=3.0, next="`labctl up` goes on"
            )
        ]
    )
    assert text == "interrupted: 2 done, 1 not done after 3.0 s\n  next: `labctl up` goes on\n"


def test_what_was_begun_is_told_from_what_was_not():
    steps = [StepSkipped("vm/a", "create", "after the interruption", begun=True)]
    steps += [StepSkipped("vm/b", "create", "after the interruption")]
    assert plain(steps).splitlines() == [
        "vm/a: not finished, after the interruption",
        "vm/b: skipped, after the interruption",
    ]


def test_a_vm_that_only_changes_its_state_is_halted():
    """That it is asked to shut down is told: a guest that does not listen takes a minute."""
    steps = [StepStarted("vm/db", "update", "stop", "shutting down"), StepDone("vm/db", "update", 1.0)]
    text = plain([PlanReady(state_changed("running", "off")), *steps])
    assert text.splitlines()[-2:] == ["vm/db: shutting down", "vm/db: halted (1.0 s)"]


def test_a_vm_that_is_only_started_is_told_to_be_ready_last():
    steps = [VmStage("db", "started", 0.4), VmStage("db", "ready", 0.5), StepDone("vm/db", "update", 0.5)]
    text = plain([PlanReady(state_changed("off", "running")), *steps])
    assert text.splitlines()[-2:] == ["vm/db: started (0.4 s)", "vm/db: ready (0.5 s)"]


def test_terminal_without_a_terminal_tells_the_same():
    stream = io.StringIO()
    fed(Terminal(stream, colour=False))
    text = ANSI.sub("", stream.getvalue())
    for part in (
        "✓ network/back created  0.3 s",
        "✓ vm/new created and ready  60.1 s",
        "✗ vm/db failed: not ready",
        "- vm/more skipped, vm/db failed",
        "failed: 3 done, 1 failed, 1 not done after 5 min 01 s",
        "hint: vm/db: look at `labctl logs db`",
    ):
        assert part in text
    assert text.rstrip().endswith("look at `labctl logs db`"), "the hint comes last"


def test_terminal_draws_what_is_under_way(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")

    stream = Tty()
    sink = Terminal(stream)
    fed(sink, EVENTS[:7])
    sink._live.refresh()
    fed(sink, EVENTS[7:])
    text = ANSI.sub("", stream.getvalue())
    assert re.search(r"disk/new/root\s+\d+\.\d s\s+uploading\s+━*.*11%", text)
    assert "of 9 steps" in text


def test_the_terminal_does_not_wait_for_itself(monkeypatch):
    """Rich draws from its own thread while events come from others."""
    monkeypatch.setattr("labctl.report.terminal.REFRESH_HZ", 2000)
    monkeypatch.setenv("TERM", "xterm")
    sink = Terminal(Tty(), verbose=True)
    begin, end = EVENTS[:4], EVENTS[4:]
    fed(sink, begin)
    note = Diagnostic("note", "x")
    threads = [threading.Thread(target=lambda: fed(sink, [note] * 300), daemon=True) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=60)
    assert not any(each.is_alive() for each in threads)
    fed(sink, end)


def validator(name: str):
    schemas = {
        each: json.loads(resources.text(f"schemas/{each}.schema.json"))
        for each in ("plan", "events", "status")
    }
    registry = Registry().with_resources(
        [(f"{each}.schema.json", Resource.from_contents(text)) for each, text in schemas.items()]
    )
    return jsonschema.Draft202012Validator(schemas[name], registry=registry)


def test_json_lines_fit_their_schema():
    stream = io.StringIO()
    fed(JsonLines(stream))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert lines[0] == {"event": "Format", "format": 1}
    assert [line["event"] for line in lines[1:]] == [type(event).__name__ for event in EVENTS]
    for line in lines:
        validator("events").validate(line)


def test_the_plan_fits_its_schema():
    validator("plan").validate(sample().to_json())


@pytest.mark.parametrize("make", [Plain, JsonLines])
def test_lines_of_several_threads_stay_whole(make):
    stream = io.StringIO()
    sink = make(stream)
    note = Diagnostic("warning", "x" * 200)
    threads = [threading.Thread(target=lambda: fed(sink, [note] * 200)) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    lines = [line for line in stream.getvalue().splitlines() if "Format" not in line]
    assert len(lines) == 800
    assert len(set(lines)) == 1


def test_secrets_are_masked_wherever_they_stand():
    told = []
    sink = redacting(told.append, ["hunter2", "hunter2-long", "ab"])
    fed(sink, [Diagnostic("note", "it is hunter2-long", "not hunter2, ab stays"), PlanReady(sample())])
    assert told[0] == Diagnostic("note", "it is ***", "not ***, ab stays")
    assert told[1] == PlanReady(sample()), "what holds no secret is the same"


def test_secrets_are_masked_in_plans():
    text = str(hidden(sample(), ["10.0.1.0/24"]))
    assert "10.0.1.0" not in text
    assert "subnet4: ***" in text


def test_without_secrets_the_sink_is_itself():
    sink = print
    assert redacting(sink, ()) is sink
