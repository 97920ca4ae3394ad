"""What is said after something went wrong."""

from labctl.core.errors import LabctlError, mended_by


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
