"""Secrets in events and plans are masked."""

from labctl.core.events import Diagnostic, PlanReady
from labctl.report.redact import hidden, redacting
from tests.unit.report.samples import fed, sample


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
