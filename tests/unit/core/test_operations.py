"""What waits for what among a plan's operations; `test_planning` has those of whole plans."""

import pytest

from labctl.core.lifecycle import Stage
from labctl.core.operations import verbs_reaching
from labctl.core.verbs import CREATE, UPDATE
from labctl.kinds.vm.verbs import BOOTED, READY, RECONFIGURE_GUEST, RELEASE, RESTORE, START


@pytest.mark.parametrize(
    ("stage", "verb"),
    [
        (Stage.CREATED, CREATE),
        (Stage.STARTED, START),
        (Stage.BOOTED, BOOTED),
        (Stage.PROVISIONED, BOOTED),
        (Stage.READY, READY),
    ],
)
def test_a_stage_is_reached_by_its_verb_or_with_the_one_before(stage, verb):
    assert verbs_reaching((CREATE, START, BOOTED, READY), stage) == [verb]


def test_who_waits_for_a_vm_that_nothing_is_told_of_waits_until_it_runs():
    assert verbs_reaching((CREATE, START), Stage.READY) == [START]
    assert verbs_reaching((RELEASE, UPDATE, RESTORE), Stage.READY) == [RESTORE]


def test_nobody_waits_for_a_vm_that_stays_as_far_as_it_is():
    assert verbs_reaching((RELEASE, UPDATE, RECONFIGURE_GUEST), Stage.READY) == []
    assert verbs_reaching((RELEASE, UPDATE, RECONFIGURE_GUEST), Stage.CREATED) == [UPDATE]
