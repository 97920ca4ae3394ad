"""Words to options."""

from types import SimpleNamespace

import pytest

import labctl.cli
from labctl.cli import exits
from labctl.cli.app import TopVerbs
from labctl.cli.image import ImageVerbs
from labctl.cli.options import Options
from labctl.cli.rootless import RootlessVerbs
from labctl.cli.snapshot import SnapshotVerbs
from labctl.core.errors import UsageError
from labctl.core.record import values

GROUPS = ("image", "snapshot", "rootless")
IMAGE_VERBS = [verb for verbs in ImageVerbs.panels.values() for verb in verbs]
SNAPSHOT_VERBS = [verb for verbs in SnapshotVerbs.panels.values() for verb in verbs]
ROOTLESS_VERBS = [verb for verbs in RootlessVerbs.panels.values() for verb in verbs]
PATHS = [(verb,) for verbs in TopVerbs.panels.values() for verb in verbs if verb not in (*GROUPS, "help")]
PATHS += [("image", verb) for verb in IMAGE_VERBS]
PATHS += [("snapshot", verb) for verb in SNAPSHOT_VERBS]
PATHS += [("rootless", verb) for verb in ROOTLESS_VERBS]


def command(path):
    """The command that typer has for these words."""
    found = TopVerbs()
    for word in path:
        found = found.get_command(None, word)
    return found


def parse(*words: str):
    """The module of the verb that is called, and what it is called with."""
    call = labctl.cli.parse(list(words))
    [options] = call.args
    return call.func.__module__, SimpleNamespace(**values(options), **call.keywords)


def options(*words: str):
    return parse(*words)[1]


def helped(*words: str) -> None:
    assert labctl.cli.run(list(words)) == 0


@pytest.mark.parametrize("words", [("-f", "x", "up"), ("up", "-f", "x"), ("up", "--file=x"), ("-fx", "up")])
def test_global_options_stand_before_or_after(words):
    verb, found = parse(*words)
    assert (verb, found.file, found.vms, found.yes) == ("labctl.cli.up", "x", None, False)


def test_the_later_one_wins_and_lists_grow():
    found = options("-f", "a", "--set", "x=1", "plan", "--set", "y=2", "-f", "b", "--json")
    assert (found.file, found.sets, found.json) == ("b", ["x=1", "y=2"], True)


def test_vms_and_options_mix():
    found = options("up", "web", "-y", "db", "--adopt", "--", *())
    assert (found.vms, found.yes, found.adopt) == (["web", "db"], True, True)


@pytest.mark.parametrize(
    "path",
    [
        *[(verb,) for verb in ("up", "reload", "provision", "halt", "suspend", "resume", "destroy")],
        *[("snapshot", verb) for verb in ("save", "restore", "delete", "prune")],
    ],
)
def test_who_changes_a_lab_can_take_it_over_from_another_labfile(path):
    """What refuses a lab of another Labfile names --adopt."""
    names = ["s1"] if path[-1] in ("restore", "delete") else []
    assert options(*path, *names, "--adopt").adopt


def test_a_value_that_looks_like_a_verb():
    verb, found = parse("-f", "plan", "up")
    assert (verb, found.file) == ("labctl.cli.up", "plan")


def test_standard_input_is_a_file():
    assert options("-f", "-", "plan").file == "-"


def test_what_follows_the_dashes_is_the_command():
    found = options("ssh", "web", "--", "ls", "-l", "--", "x")
    assert (found.vm, found.command) == ("web", ["ls", "-l", "--", "x"])
    alone = options("ssh", "--", "ls")
    assert (alone.vm, alone.command) == (None, ["ls"])


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["upp"], "no such command: upp", "did you mean `labctl up`?"),
        (["up", "--yse"], "no such option: --yse (Possible options: --set, --yes)", "see `labctl up --help`"),
        (["image", "pul"], "no such command: pul", "did you mean `labctl image pull`?"),
        (["image"], "missing command", "see `labctl image --help`"),
        (["list", "--", "x"], "unexpected extra argument", "see `labctl list --help`"),
        (["--jsn", "up"], "no such option: --jsn (Possible options: --json, --set)", "see `labctl --help`"),
        (["list", "x"], "unexpected extra argument", "see `labctl list --help`"),
        (["ssh", "web", "ls"], "unexpected words after the VM", "as in `labctl ssh web -- ls -l`"),
        (
            ["rootless", "exec", "virsh", "list"],
            "unexpected words before the program",
            "as in `labctl rootless exec -- virsh list`",
        ),
        (["logs", "-n", "x"], "invalid value for '--lines' / '-n'", "see `labctl logs --help`"),
        (
            ["completion"],
            "missing argument 'shell'. Choose from: bash, zsh, fish",
            "see `labctl completion --help`",
        ),
        (["completion", "tcsh"], "'tcsh' is not one of", "see `labctl completion --help`"),
        (["--json"], "missing command", "see `labctl --help`"),
        (["up", "-c"], "option '-c' requires an argument", "-c names the libvirt host"),
        (["--connect"], "option '--connect' requires an argument", "see `labctl --help`"),
    ],
)
def test_a_wrong_command_line(words, message, hint):
    with pytest.raises(UsageError) as caught:
        parse(*words)
    assert message in str(caught.value)
    assert hint in caught.value.hint
    assert exits.of_error(caught.value) == 2


def test_no_color_is_also_a_variable(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert [Options(no_color=each).colour for each in (False, True)] == [True, False]
    monkeypatch.setenv("NO_COLOR", "1")
    assert options("--no-color", "list").no_color
    assert not Options().colour


def panel_lines(text: str) -> list[str]:
    return [line.strip("│╭╮─ ") for line in text.splitlines() if line.startswith(("│", "╭"))]


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"], ["--quiet", "help"]])
def test_the_overview_lists_every_verb_in_its_panel(words, capsys):
    helped(*words)
    lines = panel_lines(capsys.readouterr().out)
    listed = [line if line in TopVerbs.panels else line.partition(" ")[0] for line in lines]
    expected = [word for panel, verbs in TopVerbs.panels.items() for word in (panel, *verbs)]
    assert listed[-len(expected) :] == expected


def test_the_verb_is_the_one_way_to_completion(capsys):
    helped("--help")
    assert "-completion" not in capsys.readouterr().out
    with pytest.raises(UsageError, match="no such option: --show-completion"):
        parse("--show-completion")


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
@pytest.mark.parametrize("words", ["{} --help", "help {}", "--json {} -h"])
def test_each_verb_has_help(path, words, capsys):
    helped(*words.format(" ".join(path)).split())
    text = capsys.readouterr().out
    assert f"Usage: labctl {' '.join(path)} " in text
    assert "--connect" in text
    assert "str>" not in text


@pytest.mark.parametrize(
    ("verb", "more"), [("up", True), ("reload", True), ("halt", False), ("destroy", False)]
)
def test_only_what_applies_the_labfile_says_that_it_takes_what_vms_need(verb, more, capsys):
    helped(verb, "--help")
    assert ("only these VMs, and what they need" in capsys.readouterr().out) == more


def test_help_for_what_is_no_verb():
    with pytest.raises(UsageError, match="no such command: upp"):
        labctl.cli.run(["help", "upp"])


@pytest.mark.parametrize("words", [["image", "--help"], ["help", "image"], ["image", "-h"]])
def test_a_verb_with_verbs_below_lists_them(words, capsys):
    helped(*words)
    lines = panel_lines(capsys.readouterr().out)
    assert [line.partition(" ")[0] for line in lines][-len(IMAGE_VERBS) :] == IMAGE_VERBS


def test_a_verb_below_another():
    verb, found = parse(
        "-c", "test:///x", "image", "pull", "debian-12", "--arch", "aarch64", "arch", "--json"
    )
    assert (verb, found.connect, found.images) == (
        "labctl.cli.image.pull",
        "test:///x",
        ["debian-12", "arch"],
    )
    assert (found.arch, found.json) == ("aarch64", True)


@pytest.mark.parametrize("words", [["up", "--no-color", "--help"], ["--no-color", "up", "--help"]])
def test_help_without_colour(monkeypatch, capsys, words):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "")
    helped("up", "--help")
    assert "\x1b[1;36m" in capsys.readouterr().out
    helped(*words)
    assert "\x1b[1;36m" not in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["logs", "events"])
def test_f_follows_where_a_verb_can_and_names_a_labfile_before_it(verb):
    """As with docker compose."""
    assert options("-f", "a.yaml", verb, "-f").file == "a.yaml"
    assert options(verb, "--file", "a.yaml", "-f").file == "a.yaml"
    assert options(verb, "-f").file is None
