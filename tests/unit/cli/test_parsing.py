"""Words to options."""

import functools
import importlib
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import labctl.cli
from labctl.cli.app import invoke
from labctl.cli.options import Options
from labctl.cli.verbs import GROUPS, NESTED, VERBS, module
from labctl.cli.words import plain
from labctl.core.errors import UsageError
from labctl.core.record import values

PATHS = [(verb,) for verb in VERBS if verb not in NESTED]
PATHS += [(verb, below) for verb, table in NESTED.items() for below in table]


@pytest.fixture
def parse(monkeypatch):
    """Run a command line up to the verb, and give the verb and what it was called with."""
    called = []

    def recorded(verb, run):
        @functools.wraps(run)
        def record(options, *words, **own):
            called.append((verb, SimpleNamespace(**values(options), **own)))
            return 0

        return record

    for path in PATHS:
        file = importlib.import_module(module(*path))
        monkeypatch.setattr(file, "run", recorded(" ".join(path), file.run))

    def parse(*words: str):
        called.clear()
        assert labctl.cli.run(list(words)) == 0
        return called[0] if called else (None, None)

    return parse


@pytest.fixture
def options(parse):
    return lambda *words: parse(*words)[1]


@pytest.mark.parametrize("words", [("-f", "x", "up"), ("up", "-f", "x"), ("up", "--file=x"), ("-fx", "up")])
def test_global_options_stand_before_or_after(parse, words):
    verb, found = parse(*words)
    assert (verb, found.file, found.vms, found.yes) == ("up", "x", None, False)


def test_the_later_one_wins_and_lists_grow(options):
    found = options("-f", "a", "--set", "x=1", "plan", "--set", "y=2", "-f", "b", "--json")
    assert (found.file, found.sets, found.json) == ("b", ["x=1", "y=2"], True)


def test_vms_and_options_mix(options):
    found = options("up", "web", "-y", "db", "--adopt", "--", *())
    assert (found.vms, found.yes, found.adopt) == (["web", "db"], True, True)


def test_a_value_that_looks_like_a_verb(parse):
    verb, found = parse("-f", "plan", "up")
    assert (verb, found.file) == ("up", "plan")


def test_standard_input_is_a_file(options):
    assert options("-f", "-", "plan").file == "-"


def test_what_follows_the_dashes_is_the_command(options):
    found = options("ssh", "web", "--", "ls", "-l", "--", "x")
    assert (found.vm, found.command) == ("web", ("ls", "-l", "--", "x"))


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["upp"], "no such command: upp", "did you mean `labctl up`?"),
        (["up", "--yse"], "no such option: --yse", "did you mean --yes?"),
        (["image", "pul"], "no such command: pul", "did you mean `labctl image pull`?"),
        (["image"], "no command given", "`labctl image --help` lists them"),
        (["image", "list", "--", "x"], "`labctl image list` takes nothing after --", ""),
        (["up", "--", "x"], "`labctl up` takes nothing after --", ""),
        (["--jsn", "up"], "no such option: --jsn", "did you mean --json?"),
        (["list", "x"], "unexpected extra argument", "see `labctl list --help`"),
        (["ssh", "web", "ls"], "unexpected extra argument", "as in `labctl ssh web -- ls -l`"),
        (["logs", "-n", "x"], "invalid value for '--lines' / '-n'", "see `labctl logs --help`"),
        (["completion"], "missing argument", "see `labctl completion --help`"),
        (["help", "upp"], "no such command: upp", "did you mean `labctl up`?"),
        (["--json"], "no command given", "`labctl --help` lists them"),
        (["up", "-c"], "option '-c' requires an argument", "see `labctl up --help`"),
        (["--connect"], "option '--connect' requires an argument", "see `labctl --help`"),
    ],
)
def test_a_wrong_command_line(parse, words, message, hint):
    with pytest.raises(UsageError) as caught:
        parse(*words)
    assert message in str(caught.value)
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


def test_no_color_is_also_a_variable(monkeypatch, options):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert [Options(no_color=each).colour for each in (False, True)] == [True, False]
    assert options("--no-color", "list").no_color
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Options().colour


def panel_lines(text: str) -> list[str]:
    return [line.strip("│╭╮─ ") for line in text.splitlines() if line.startswith(("│", "╭"))]


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"], ["--json", "help"]])
def test_the_overview_lists_every_verb_in_its_group(parse, words, capsys):
    assert parse(*words)[0] is None
    lines = panel_lines(capsys.readouterr().out)
    listed = [line.partition(" ")[0] if line not in GROUPS else line for line in lines]
    expected = [word for group, verbs in GROUPS.items() for word in (group, *verbs)]
    assert listed[-len(expected) :] == expected


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
@pytest.mark.parametrize("words", ["{} --help", "help {}", "--json {} -h", "-h {}", "{} --nosuch x y -h"])
def test_each_verb_has_help_and_a_module(parse, path, words, capsys):
    assert parse(*words.format(" ".join(path)).split())[0] is None
    text = capsys.readouterr().out
    summary = NESTED[path[0]][path[1]] if path[1:] else VERBS[path[0]]
    assert f"Usage: labctl {' '.join(path)} " in text
    assert summary[1:].split()[0] in text
    assert "--connect" in text


@pytest.mark.parametrize("words", [["image", "--help"], ["help", "image"], ["image", "-h"], ["-h", "image"]])
def test_a_verb_with_verbs_below_lists_them(parse, words, capsys):
    assert parse(*words)[0] is None
    lines = panel_lines(capsys.readouterr().out)
    assert [line.partition(" ")[0] for line in lines][-len(NESTED["image"]) :] == list(NESTED["image"])


def test_a_verb_below_another(parse):
    verb, found = parse(
        "-c", "test:///x", "image", "pull", "debian-12", "--arch", "aarch64", "arch", "--json"
    )
    assert (verb, found.connect, found.images) == ("image pull", "test:///x", ["debian-12", "arch"])
    assert (found.arch, found.json) == ("aarch64", True)


def test_help_without_colour(parse, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "")
    parse("up", "--help")
    assert "\x1b[1;36m" in capsys.readouterr().out
    parse("up", "--help", "--no-color")
    assert "\x1b[1;36m" not in capsys.readouterr().out


WORDS = (
    "image",
    "pull",
    "up",
    "ssh",
    "logs",
    "schema",
    "web",
    "-y",
    "--yes",
    "-f",
    "x",
    "--set=a=b",
    "--set",
    "-n",
    "3",
    "--",
)


@given(st.lists(st.sampled_from(WORDS), max_size=6))
@example(["logs", "-n", "3", "web", "-F"])
@example(["--set", "a=1", "up", "--set=b=2", "web", "db", "-y"])
def test_a_plain_reading_is_the_one_that_typer_would_have_made(words):
    """What `words` reads without typer, typer reads alike; what it can't is left to typer."""
    plainly = plain(words)
    if plainly is None:
        return
    typed = []

    def recorded(options, **own):
        typed.append((options, own))
        return 0

    recorded = functools.wraps(plainly.run)(recorded)
    with patch.object(importlib.import_module(module(*plainly.verb)), "run", recorded):
        assert invoke(words) == 0
    assert typed == [(plainly.options, plainly.own)]
