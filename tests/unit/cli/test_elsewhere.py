"""Words that people know from other tools lead to labctl's own."""

import re

import pytest

from labctl.cli import elsewhere
from labctl.cli.app import invoke
from labctl.cli.verbs import NESTED, VERBS
from labctl.core.errors import UsageError


def told(*words):
    with pytest.raises(UsageError) as error:
        invoke(list(words))
    assert error.value.summary == f"no such command: {words[-1]}"
    return error.value.hint


def test_a_word_of_another_tool_is_answered_with_labctls_verb():
    assert told("ps") == "`labctl status`: tell the state and addresses of the lab's VMs"
    assert told("down") == (
        "`labctl destroy`: remove the lab, or some VMs with their disks; "
        "or `labctl halt`: shut VMs down, keep everything"
    )
    assert told("rebuild") == "`labctl destroy VM`, then `labctl up`, makes it anew"
    assert told("image", "rm") == "`labctl image remove`: remove images that no disk stands on"
    for word, verb in (
        ("rm", "destroy"),
        ("start", "up"),
        ("stop", "halt"),
        ("apply", "up"),
        ("create", "up"),
    ):
        assert f"`labctl {verb}`" in told(word)
    assert "`labctl status`" in told("ls")
    assert "`labctl list`" in told("ls")


def test_a_slip_is_still_answered_with_the_nearest_verb():
    assert told("destory") == "did you mean `labctl destroy`?"
    assert told("image", "lsit") == "did you mean `labctl image list`?"


def test_no_word_shadows_a_verb():
    """A verb that comes later takes its word out of the table."""
    assert not elsewhere.ELSEWHERE.keys() & VERBS.keys()
    assert not elsewhere.IMAGES.keys() & NESTED["image"].keys()


@pytest.mark.parametrize(
    ("above", "word"),
    [*(((), word) for word in elsewhere.ELSEWHERE), *((("image",), word) for word in elsewhere.IMAGES)],
)
def test_every_hint_names_a_command_that_exists(above, word):
    commands = re.findall(r"`labctl ([a-z-]+)(?: ([a-z-]+))?", elsewhere.hint(word, above))
    assert commands
    for verb, below in commands:
        assert verb in VERBS or verb == "--version"
        assert not below or verb not in NESTED or below in NESTED[verb]
