"""One libvirt host, on libvirt's test driver."""

import ast
from pathlib import Path

import pytest

from labctl.core.errors import LabctlError, LabHeld
from labctl.host.host import Host
from labctl.host.libvirt import uri

PACKAGE = Path(__file__).parents[3] / "labctl"
NODE = "test:///default"


def callers(name: str) -> set[str]:
    """The modules of the package that call a function or class of that name."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text()
        if name not in text:
            continue  # parsing takes most of the time
        calls = [each.func for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Call)]
        if any(name == getattr(func, "id", getattr(func, "attr", "")) for func in calls):
            found.add(str(path.relative_to(PACKAGE)))
    return found


@pytest.mark.parametrize("name", ["Connection", "choose_uri"])
def test_nothing_else_connects(name):
    assert callers(name) == {"host/host.py"}


def test_nothing_else_says_which_hosts_a_lab_has():
    """Commands about images are about one host by nature."""
    found = {each for each in callers("Hosts") if not each.startswith("cli/image/")}
    assert found == {"app/lab.py"}


def test_it_connects_when_it_is_first_asked():
    host = Host("qemu+tcp://127.0.0.1:1/system")
    assert not host.local
    assert not host.lost
    host.close()
    with pytest.raises(LabctlError, match="can't connect"):
        _ = host.virt


def test_it_is_asked_once():
    with Host(NODE) as host:
        assert host.connection is host.connection
        assert host.capabilities is host.capabilities
        assert host.boot_limit >= 4
        opened = host.connection
        opened.virt.close()
        assert host.lost
    assert not host.lost
    assert host.connection is not opened
    host.close()


def test_a_program_outside_of_a_users_own_libvirt_is_told_how_it_gets_inside(monkeypatch):
    monkeypatch.setattr(uri, "choose_uri", lambda asked: (asked, ""))
    with pytest.raises(LabctlError, match="from inside alone") as error:
        _ = Host("rootless").virt
    assert "labctl rootless exec" in error.value.hint


def test_what_runs_on_another_host_is_not_run_here():
    assert Host("qemu:///system").output("echo", "here") == "here\n"
    assert Host("qemu+ssh://kvm1/system").output("echo", "here") is None


def test_a_lock_is_one_host_s():
    one, other = Host("test:///one"), Host("test:///other")
    with (
        one.lock("lab shop"),
        other.lock("lab shop"),
        pytest.raises(LabHeld, match="the lab shop on test:///one: PID"),
        one.lock("lab shop"),
    ):
        pass
