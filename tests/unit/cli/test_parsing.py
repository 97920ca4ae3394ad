"""Words to options."""

import pytest

from labctl.cli import parsing
from labctl.cli.verbs import VERBS
from labctl.core.errors import UsageError


def options(*words: str):
    return parsing.parse(list(words))[1]


@pytest.mark.parametrize("words", [("-f", "x", "up"), ("up", "-f", "x"), ("up", "--file=x"), ("-fx", "up")])
def test_global_options_stand_before_or_after(words):
    verb, found = parsing.parse(list(words))
    assert (verb, found.file, found.vms, found.yes) == ("up", "x", [], False)


def test_the_later_one_wins_and_lists_grow():
    found = options("-f", "a", "--set", "x=1", "plan", "--set", "y=2", "-f", "b", "--json")
    assert (found.file, found.sets, found.json) == ("b", ["x=1", "y=2"], True)


def test_vms_and_options_mix():
    found = options("up", "web", "-y", "db", "--adopt", "--", *())
    assert (found.vms, found.yes, found.adopt) == (["web", "db"], True, True)


def test_a_value_that_looks_like_a_verb():
    verb, found = parsing.parse(["-f", "plan", "up"])
    assert (verb, found.file) == ("up", "plan")


def test_standard_input_is_a_file():
    assert options("-f", "-", "plan").file == "-"


def test_what_follows_the_dashes_is_the_command():
    found = options("ssh", "web", "--", "ls", "-l", "--", "x")
    assert (found.vm, found.command) == ("web", ["ls", "-l", "--", "x"])


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["upp"], "no such command: upp", "did you mean `labctl up`?"),
        (["up", "--yse"], "unrecognized arguments: --yse", "did you mean --yes?"),
        (["up", "--", "x"], "`labctl up` takes nothing after --", ""),
        (["--json"], "no command given", "`labctl --help` lists them"),
        (["up", "-c"], "expected one argument", "see `labctl up --help`"),
        (["--connect"], "expected one argument", "see `labctl --help`"),
    ],
)
def test_a_wrong_command_line(words, message, hint):
    with pytest.raises(UsageError) as caught:
        parsing.parse(words)
    assert message in str(caught.value)
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_the_overview_lists_every_verb(words, capsys):
    assert parsing.parse(words)[0] is None
    text = capsys.readouterr().out
    assert all(f"\n  {verb} " in text for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("words", ["{} --help", "help {}", "--json {} -h"])
def test_each_verb_has_help_and_a_module(verb, words, capsys):
    assert parsing.parse(words.format(verb).split())[0] is None
    text = capsys.readouterr().out
    assert text.startswith(f"usage: labctl {verb}")
    assert VERBS[verb][1:] in text
