"""The VM that a verb is about has to be up."""

import pytest

from labctl.app.one_vm import NotRunning, errors_of_several, look, running
from labctl.core.errors import LabctlError
from labctl.core.lifecycle import ACTIVE, State
from tests.unit.overviews import seen, vm


@pytest.fixture
def found(session, monkeypatch):
    seen(monkeypatch, vm("db"), vm("web-1", State.PAUSED), vm("web-2", State.OFF))
    return look(session)


def test_a_vm_that_is_up_is_given_as_it_was_seen(found):
    assert running(found, "db").name == "db"
    assert running(found, "web-1", ACTIVE).state == State.PAUSED


@pytest.mark.parametrize(
    ("name", "said", "hint"),
    [
        ("web-1", "vm/web-1: it is paused", "`labctl resume web-1` resumes it"),
        ("web-2", "vm/web-2: it is off", "`labctl up web-2` starts it"),
        ("web-3", "vm/web-3: it is not there yet", "`labctl up web-3` makes it"),
    ],
)
def test_one_that_is_not_says_what_brings_it_up(found, name, said, hint):
    with pytest.raises(NotRunning) as caught:
        running(found, name)
    assert (str(caught.value), caught.value.hint) == (said, hint)


def test_the_hint_for_several_is_one_command():
    errors = [NotRunning("a"), LabctlError("no", hint="mend it"), NotRunning("b", State.OFF)]
    error = errors_of_several(errors)
    assert str(error) == "vm/a: it is not there yet\nno\nvm/b: it is off"
    assert error.hint == "`labctl up a b` makes or starts them; mend it"
