"""What is noted of a guest whose cloud-init failed."""

from labctl.kinds.vm.guest_session import _brief


def test_the_modules_that_failed_are_named_and_nothing_that_the_guest_says():
    errors = (
        "('bootcmd', TypeError('secret'))",
        "('users-groups', TypeError('secret'))",
        "('scripts_user', RuntimeError('secret'))",
        "something else",
    )
    modules = "bootcmd, users-groups, scripts_user"
    assert _brief(errors) == f"cloud-init failed in {modules}: `labctl up` tells why"
    assert _brief(("something else",)) == "cloud-init failed: `labctl up` tells why"
