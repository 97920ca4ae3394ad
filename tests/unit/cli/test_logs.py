"""How lines of logs are shown."""

import pytest

from labctl.app.logs import LogLine
from labctl.cli import logs, run_state
from labctl.cli.options import Options
from labctl.core.errors import LabctlError, UsageError
from labctl.report import colour
from tests import schemas

LINES = [LogLine("web", "one", "console"), LogLine("db-1", "two", "console")]


@pytest.fixture(autouse=True)
def _nobodys(monkeypatch):
    monkeypatch.setattr(run_state, "masked", lambda value: value)


def shown(capsys, options, names, lines):
    logs._Shown(options, names)(lines)  # noqa: SLF001
    return capsys.readouterr().out


def test_several_vms_have_their_names_in_front_and_one_has_not(capsys):
    assert shown(capsys, Options(), ["web", "db-1"], LINES) == "web  | one\ndb-1 | two\n"
    assert shown(capsys, Options(), ["web"], LINES[:1]) == "one\n"


def test_each_vm_has_a_colour_of_its_own(capsys, monkeypatch):
    monkeypatch.setattr(colour.Paint, "on_stdout", lambda **_options: colour.Paint(enabled=True))
    out = shown(capsys, Options(), ["web", "db-1"], LINES)
    assert out == "\x1b[36mweb  | \x1b[0mone\n\x1b[33mdb-1 | \x1b[0mtwo\n"


def test_json_names_its_format_and_has_an_event_for_each_line(capsys):
    out = shown(capsys, Options(json=True), ["web", "db-1"], LINES)
    assert schemas.fit_lines(out) == [
        {"event": "Format", "format": 1},
        {"event": "LogLine", "vm": "web", "line": "one", "source": "console"},
        {"event": "LogLine", "vm": "db-1", "line": "two", "source": "console"},
    ]


def test_json_has_all_of_a_long_line(capsys):
    long = LogLine("web", "x" * 60_000, "console")
    *_, last = schemas.fit_lines(shown(capsys, Options(json=True), ["web"], [long]))
    assert last["line"] == long.line


def test_secrets_are_masked(capsys, monkeypatch):
    monkeypatch.setattr(run_state, "masked", lambda _value: "***")
    assert shown(capsys, Options(), ["web"], LINES[:1]) == "***\n"


def test_vms_that_are_not_there_yet_are_told(capsys):
    logs._tell_missing({"db": False, "web": True}, follow=False)  # noqa: SLF001
    note = "note: vm/db: it is not there yet; `labctl up db` makes it\n"
    assert capsys.readouterr().err == note
    with pytest.raises(LabctlError, match="vm/db: it is not there yet") as caught:
        logs._tell_missing({"db": False}, follow=False)  # noqa: SLF001
    assert caught.value.hint == "`labctl up db` makes it"
    logs._tell_missing({"db": False}, follow=True)  # noqa: SLF001  # they are waited for
    assert capsys.readouterr().err == note


def test_whoever_means_a_labfile_by_f_is_told(monkeypatch):
    def choose(_session, _vms):
        raise UsageError("no VM is called labs/shop.yaml")

    monkeypatch.setattr("labctl.app.logs.choose_vms", choose)
    with pytest.raises(UsageError) as refused:
        logs._chosen(None, ["labs/shop.yaml"])  # noqa: SLF001
    assert refused.value.hint.startswith("-f is --follow here")
