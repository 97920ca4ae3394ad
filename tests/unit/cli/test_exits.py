import pytest

from labctl.cli import exits
from labctl.core.errors import (
    Interrupted,
    LabctlError,
    LabHeld,
    NotReady,
    Problem,
    Refused,
    Rejected,
    RunFailed,
    StoppedAtOnce,
    UsageError,
)
from labctl.core.events import Ending, Finished


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LabctlError("x"), 1),
        (Rejected([Problem("x")]), 2),
        (Refused([Problem("x")]), 1),
        (UsageError("x"), 2),
        (NotReady("x"), 4),
        (LabHeld("x"), 5),
        (Interrupted("x"), 130),
        (StoppedAtOnce("x"), 130),
        (RunFailed(Finished(Ending.FAILED)), 1),
    ],
    ids=lambda each: type(each).__name__,
)
def test_the_code_of_each_error(error, code):
    assert exits.of_error(error) == code


def test_each_ending_has_a_code():
    assert {ending.value: exits.of_ending(ending) for ending in Ending} == {
        "done": 0,
        "declined": 1,
        "refused": 1,
        "failed": 1,
        "unready": 4,
        "interrupted": 130,
    }
