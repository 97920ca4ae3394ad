"""The values of secret parameters are masked in whatever is told."""

import json
import shlex

import pytest

from labctl.core.errors import LabctlError, Problem, Rejected
from labctl.core.events import Diagnostic, PlanReady
from labctl.core.redaction import Redactor
from tests.unit.report.samples import fed, sample


def test_secrets_are_masked_wherever_they_stand():
    told = []
    sink = Redactor("hunter2", "hunter2-long", "ab").sink(told.append)
    fed(sink, [Diagnostic("note", "it is hunter2-long", "not hunter2, ab stays"), PlanReady(sample())])
    assert told[0] == Diagnostic("note", "it is ***", "not ***, ab stays")
    assert told[1] == PlanReady(sample()), "what holds no secret is the same"


def test_secrets_are_masked_in_plans():
    text = str(Redactor("10.0.1.0/24").in_value(sample()))
    assert "10.0.1.0" not in text
    assert "subnet4: ***" in text


def test_a_secret_that_is_learnt_later_is_masked_from_then_on():
    redactor, told = Redactor(), []
    sink = redactor.sink(told.append)
    redactor.add("hunter2")
    fed(sink, [Diagnostic("note", "hunter2")])
    assert told == [Diagnostic("note", "***")]


@pytest.mark.parametrize("secret", ['it\'s "5 < 6 & 7"', "päss\\word/%+", "back\\slash", "plain-enough"])
def test_a_quoted_secret_is_masked_too(secret):
    quoted = [
        secret,
        repr(secret),
        json.dumps(secret),
        json.dumps([secret], ensure_ascii=False),
        shlex.quote(secret),
    ]
    quoted += [shlex.join(["echo", secret]), str({"key": [secret]}), str(LabctlError(f"failed: {secret!r}"))]
    for text in quoted:
        assert "***" in Redactor(secret).in_text(text)
        assert secret[-4:] not in Redactor(secret).in_text(text)


def test_each_line_of_a_long_secret_is_masked():
    key = "-----BEGIN KEY-----\nc2VjcmV0IGtleQ\n-----END KEY-----\n}"
    assert Redactor(key).in_text("line 2 is c2VjcmV0IGtleQ }") == "line 2 is *** }"


def test_an_error_is_masked_with_those_that_it_came_from():
    error = Rejected([Problem("got hunter2", hint="not hunter2")])
    error.__cause__ = ValueError("hunter2 is no number")
    masked = Redactor("hunter2").in_error(error)
    assert masked is error
    assert masked.problems == (Problem("got ***", hint="not ***"),)
    assert "hunter2" not in f"{masked} {masked.args} {masked.summary} {masked.__cause__}"
