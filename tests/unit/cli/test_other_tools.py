"""Words that people know from other tools lead to labctl's own."""

import re
from pathlib import Path

import pytest

from labctl.cli import other_tools, run
from labctl.cli.app import TopVerbs
from labctl.core.errors import UsageError
from tests.unit.cli.test_app import GROUPS, IMAGE_VERBS, ROOTLESS_VERBS, SNAPSHOT_VERBS, command

PAGE = Path(__file__).parents[3] / "docs" / "from-vagrant.md"


def hint_for(*words):
    with pytest.raises(UsageError) as error:
        run(list(words))
    assert error.value.summary == f"no such command: {words[-1]}"
    return error.value.hint


def test_a_word_of_another_tool_is_answered_with_labctls_verb():
    assert hint_for("ps") == "`labctl status`: show the state and addresses of the lab's VMs"
    assert hint_for("down") == (
        "`labctl destroy`: remove the lab, or some VMs with their disks; "
        "or `labctl halt`: shut VMs down, keep everything"
    )
    assert hint_for("rebuild") == "`labctl destroy VM`, then `labctl up`, recreates it"
    assert hint_for("image", "rm") == "`labctl image remove`: remove images that nothing uses"
    for word, verb in (
        ("rm", "destroy"),
        ("start", "up"),
        ("stop", "halt"),
        ("apply", "up"),
        ("create", "up"),
    ):
        assert f"`labctl {verb}`" in hint_for(word)
    assert "`labctl watch`" in hint_for("rsync-auto")
    assert "`labctl inventory`" in hint_for("ansible")
    assert "`labctl status`" in hint_for("ls")
    assert "`labctl list`" in hint_for("ls")


def test_a_slip_is_still_answered_with_the_nearest_verb():
    assert hint_for("destory") == "did you mean `labctl destroy`?"
    assert hint_for("image", "lsit") == "did you mean `labctl image list`?"


def test_a_slip_in_a_word_of_another_tool_is_answered_as_the_word():
    assert hint_for("rebooot") == hint_for("reboot")
    assert hint_for("stpo") == hint_for("stop")
    assert hint_for("xyzzy") == "`labctl --help` lists the commands"


@pytest.mark.parametrize(
    ("line", "summary", "hint"),
    [
        ("destroy --force", "no such option: --force", "`--yes` answers the question"),
        ("destroy -f", "option '-f' requires an argument", "-f names the Labfile"),
        ("ssh web -c", "option '-c' requires an argument", "`labctl ssh web -- uptime`"),
        ("up --provision", "no such option: --provision", "`labctl provision --again`"),
        ("snapshot delete --all", "no such option: --all", "`labctl snapshot prune --keep 0`"),
        ("image remove --all", "no such option: --all", "`labctl image prune`"),
        ("halt --all", "no such option: --all", "VMs are named behind the verb"),
        ("up --host", "no such option: --host", "see `labctl up --help`"),
        ("status --force", "no such option: --force", "see `labctl status --help`"),
        ("up --xyzzy", "no such option: --xyzzy", "see `labctl up --help`"),
    ],
)
def test_an_option_of_another_tool_is_answered_with_labctls_way(line, summary, hint):
    with pytest.raises(UsageError) as error:
        run(line.split())
    assert error.value.summary.startswith(summary)
    assert hint in error.value.hint


VERBS = [verb for verbs in TopVerbs.panels.values() for verb in verbs]


def test_no_word_shadows_a_verb():
    """A verb that comes later takes its word out of the table."""
    assert not other_tools.VERBS["labctl"].keys() & set(VERBS)
    assert not other_tools.VERBS["labctl image"].keys() & set(IMAGE_VERBS)
    assert not other_tools.VERBS["labctl snapshot"].keys() & set(SNAPSHOT_VERBS)
    assert not other_tools.VERBS["labctl rootless"].keys() & set(ROOTLESS_VERBS)


@pytest.mark.parametrize(
    "line", [f"{path} {word}" for path, words in other_tools.VERBS.items() for word in words]
)
def test_every_hint_names_a_command_that_exists(line):
    _, *words = line.split()
    assert named(hint_for(*words))


def named(text: str) -> set[str]:
    """The verbs of labctl that a text names in commands. Each exists, with the options that stand there."""
    lines = [line.partition(" -- ")[0].split() for line in re.findall(r"`labctl ([^`]+)`", text)]
    for verb, *words in lines:
        if verb != "--version":
            path = (verb, words[0]) if verb in GROUPS else (verb,)
            has = {option for each in command(path).params for option in each.opts}
            assert has >= {word for word in words if word.startswith("-")}, (verb, words)
    return {verb for verb, *_ in lines}


@pytest.mark.parametrize("path", other_tools.OPTIONS_OF)
def test_every_hint_for_an_option_names_what_exists(path):
    _, *words = path.split()
    own = {option for each in command(words).params for option in each.opts}
    for option in other_tools.OPTIONS_OF[path]:
        hint = other_tools.option_hint(path, option)
        named(hint)
        alone = {text.split()[0] for text in re.findall(r"`(-[^`]+)`", hint)}
        assert alone <= own, (option, hint)


def test_the_page_for_people_from_vagrant_names_what_exists_and_is_what_the_command_line_says():
    rows = [line.split("|")[1:3] for line in PAGE.read_text().splitlines() if line.startswith("| `vagrant ")]
    for theirs, ours in rows:
        for line in re.findall(r"`vagrant ([^`]+)`", theirs):
            verb = line.split()[0]
            answer = {verb} if verb in VERBS else named(hint_for(verb))
            assert not named(ours) or answer & named(ours), line
    assert len(rows) > 20
