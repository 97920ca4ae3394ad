"""Words that people know from other tools lead to labctl's own."""

import re

import pytest

from labctl.cli import other_tools, run
from labctl.cli.app import TopVerbs
from labctl.cli.image import ImageVerbs
from labctl.core.errors import UsageError


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
    assert hint_for("image", "rm") == "`labctl image remove`: remove images that no disk uses"
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


VERBS = [verb for verbs in TopVerbs.panels.values() for verb in verbs]
IMAGE_VERBS = [verb for verbs in ImageVerbs.panels.values() for verb in verbs]


def test_no_word_shadows_a_verb():
    """A verb that comes later takes its word out of the table."""
    assert not other_tools.VERBS["labctl"].keys() & set(VERBS)
    assert not other_tools.VERBS["labctl image"].keys() & set(IMAGE_VERBS)


@pytest.mark.parametrize(
    "line", [f"{path} {word}" for path, words in other_tools.VERBS.items() for word in words]
)
def test_every_hint_names_a_command_that_exists(line):
    _, *words = line.split()
    commands = re.findall(r"`labctl ([a-z-]+)(?: ([a-z-]+))?", hint_for(*words))
    assert commands
    for verb, below in commands:
        assert verb in (*VERBS, "--version")
        assert not below or verb != "image" or below in IMAGE_VERBS
