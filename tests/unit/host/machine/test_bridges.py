"""What is gone of a running network, on a made-up folder of libvirt's."""

import os
from types import SimpleNamespace

import pytest

from labctl.host.machine import bridges, routes


@pytest.fixture(autouse=True)
def one_bridge(monkeypatch):
    monkeypatch.setattr(routes, "link", lambda name: name == "lab-1")


def test_a_bridge_that_was_deleted_is_gone():
    assert bridges.missing_part("shop.front", "lab-1", served=False) == ""
    assert bridges.missing_part("shop.front", "lab-2", served=False) == "bridge"
    assert bridges.missing_part("shop.front", "", served=False) == "", "libvirt made none"


@pytest.mark.parametrize(
    ("pid", "gone"),
    [
        ("{me}", "dnsmasq"),  # a number that another program has by now
        ("", "dnsmasq"),
        (None, "dnsmasq"),
    ],
    ids=["reused", "empty", "no file"],
)
def test_a_dnsmasq_that_ended_is_gone_where_one_serves_the_network(tmp_path, monkeypatch, pid, gone):
    monkeypatch.setattr(bridges, "DNSMASQ", tmp_path)
    (tmp_path / "shop.front.conf").write_text(f"strict-order\npid-file={tmp_path}/pid\nexcept-interface=lo\n")
    if pid is not None:
        (tmp_path / "pid").write_text(pid.format(me=os.getpid()))
    assert bridges.missing_part("shop.front", "lab-1", served=True) == gone
    assert bridges.missing_part("shop.front", "lab-1", served=False) == ""


def test_where_libvirts_files_can_not_be_read_nothing_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(bridges, "DNSMASQ", tmp_path)
    assert bridges.missing_part("shop.front", "lab-1", served=True) == ""


@pytest.mark.parametrize(
    ("uri", "local", "seen"),
    [
        ("qemu:///system", True, True),
        ("qemu:///system?name=x", True, True),
        ("qemu:///session", True, False),
        ("qemu+ssh://far/system", False, False),
    ],
)
def test_only_networks_of_this_hosts_system_daemon_are_seen(uri, local, seen):
    assert bridges.can_be_checked(SimpleNamespace(uri=uri, local=local)) is seen
