"""What is said after something went wrong."""

import pytest

from labctl.core.errors import LabctlError, hint_after, mended_by


def test_a_failure_that_the_same_command_can_mend_says_so():
    assert (
        mended_by([LabctlError("no room")])
        == "mend it and run the same command again; what is done stays done"
    )


def test_a_failure_that_comes_again_names_the_command_that_mends_it():
    stuck = [LabctlError("it does not let go", instead=f"labctl reload {vm}") for vm in ("a", "b", "a")]
    assert mended_by(stuck) == "`labctl reload a`, then `labctl reload b`; what is done stays done"


def test_of_both_kinds_both_are_told():
    errors = [LabctlError("no room"), LabctlError("it does not let go", instead="labctl reload a")]
    assert mended_by(errors) == (
        "`labctl reload a`, then mend it and run the same command again; what is done stays done"
    )


@pytest.mark.parametrize(
    ("verb", "hint"),
    [
        ("up", "`labctl up` goes on from here, `labctl destroy` removes what was made"),
        ("halt", "the same command goes on from here"),
        (
            "snapshot save",
            "`labctl snapshot list` shows whether it was taken, `labctl resume` lets VMs go on that are paused",
        ),
        (
            "snapshot restore",
            "the same command restores it anew, `labctl resume` lets VMs go on that are paused",
        ),
        ("snapshot delete", "the next `labctl snapshot delete` or `prune` goes on from here"),
    ],
)
def test_what_is_run_after_an_interruption(verb, hint):
    """The name of a snapshot that was taken just then is in use, and that of a deleted one is gone."""
    assert hint_after(verb) == hint
