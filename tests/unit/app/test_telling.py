"""How a run that changes a lab is told to have ended."""

import pytest

from labctl.app import telling
from labctl.core.errors import hint_after
from labctl.engine.execute import Outcome
from labctl.kinds import addresses


@pytest.mark.parametrize(
    ("skipped", "hint"),
    [
        ({addresses.warm("shop")}, telling.UNSAVED),
        ({addresses.vm("web"), addresses.warm("shop")}, hint_after("up")),
        (set(), hint_after("up")),
    ],
)
def test_who_interrupts_the_save_is_told_that_the_lab_is_ready(skipped, hint):
    outcome = Outcome(done={addresses.vm("db")}, skipped=skipped, interrupted=True)
    assert telling.finish(outcome, "up", lambda _event: None, 0.0).next == hint
