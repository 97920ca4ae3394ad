"""Which connection is meant."""

import pytest

from labctl.host.libvirt import system_access, uri
from labctl.host.rootless import outside

ROOT, USER = 0, 1000


@pytest.fixture
def chosen(monkeypatch):
    def of(asked=None, *, user=USER, reaches=False, **environment):
        for name in ("LABCTL_CONNECT", "LIBVIRT_DEFAULT_URI", outside.VARIABLE):
            monkeypatch.delenv(name, raising=False)
        for name, text in environment.items():
            monkeypatch.setenv(name, text)
        monkeypatch.setattr(uri.os, "geteuid", lambda: user)
        monkeypatch.setattr(system_access, "refusal", lambda: "" if reaches else "is closed to you")
        return uri.choose_uri(asked)[0]

    return of


def test_who_reaches_the_systems_libvirt_has_that_and_others_their_own(chosen):
    assert chosen(user=ROOT) == "qemu:///system"
    assert chosen(reaches=True) == "qemu:///system"
    assert chosen() == "rootless"


def test_what_was_asked_for_is_taken_without_a_look(chosen):
    assert chosen("qemu:///system") == "qemu:///system"
    assert chosen("rootless", reaches=True) == "rootless"
    assert chosen(LABCTL_CONNECT="rootless", LIBVIRT_DEFAULT_URI="test:///default") == "rootless"
    assert chosen(LIBVIRT_DEFAULT_URI="qemu:///session") == "qemu:///session"
    assert chosen(LABCTL_CONNECT="", reaches=True) == "qemu:///system"


def test_inside_it_is_the_systems(chosen):
    inside = {outside.VARIABLE: "5"}
    assert chosen("rootless", user=ROOT, **inside) == "qemu:///system"
    assert chosen(user=ROOT, LABCTL_CONNECT="rootless", **inside) == "qemu:///system"
    assert chosen("qemu:///session", user=ROOT, **inside) == "qemu:///session"


@pytest.mark.parametrize(
    ("asked", "why"), [(None, "is closed to you"), ("rootless", ""), ("qemu:///system", "")]
)
def test_who_did_not_ask_for_their_own_is_told_why(monkeypatch, asked, why):
    for name in ("LABCTL_CONNECT", "LIBVIRT_DEFAULT_URI", outside.VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(uri.os, "geteuid", lambda: USER)
    monkeypatch.setattr(system_access, "refusal", lambda: "is closed to you")
    assert uri.choose_uri(asked) == (asked or "rootless", why)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("qemu:///session", True),
        ("qemu:///session?mode=auto", True),
        ("qemu+unix:///session", True),
        ("qemu:///system", False),
        ("qemu+ssh://host/session", False),
        ("test:///session", False),
        ("rootless", False),
    ],
)
def test_an_ordinary_users_libvirt_of_this_machine_is_told_by_its_uri(asked, found):
    assert uri.is_session(asked) is found
