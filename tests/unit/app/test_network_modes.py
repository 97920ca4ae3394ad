"""Networks that a host can't have are told before the first change."""

from types import SimpleNamespace

import pytest
import yaml

from labctl.app import network_modes
from labctl.core.planning import plan
from labctl.host.hosts import Hosts
from tests.composed import specs
from tests.madeup import MadeUpHost
from tests.unit.labfile.labfiles import loaded

LABFILE = """
    networks:
      front: {}
      back: {mode: isolated}
      wild: {mode: open}
      lan: {mode: bridge, bridge: br0}
      vepa: {mode: macvtap, dev: eth0}
      far: {mode: routed}
    vms: {a: {image: none, networks: [front]}}
    """
INSTEAD = "mode: nat, with `forwards` of the VMs that others reach"


@pytest.fixture
def told(tmp_path):
    def of(uri, *, inside=False):
        lab = loaded(tmp_path, LABFILE).lab
        host = MadeUpHost(uri=uri, inside=inside)
        session = SimpleNamespace(lab=lab, hosts=Hosts(host))
        found = network_modes.check(session, plan(specs(yaml.safe_load(LABFILE)), {}))
        return {each.path: (each.summary, each.hint) for each in found}

    return of


def test_what_reaches_the_machine_is_not_a_users(told):
    assert told("qemu:///system", inside=True) == {
        "networks.lan.mode": ("your own libvirt, rootless, can't reach a bridge of the machine", INSTEAD),
        "networks.vepa.mode": (
            "your own libvirt, rootless, can't reach an interface of the machine",
            INSTEAD,
        ),
        "networks.far.mode": ("your own libvirt, rootless, can't reach routes of the machine", INSTEAD),
    }


def test_root_has_all_of_them(told):
    assert told("qemu:///system") == {}


@pytest.mark.parametrize("uri", ["qemu:///session", "qemu:///session?mode=auto"])
def test_the_users_daemon_has_none(told, uri):
    found = told(uri)
    assert len(found) == 6
    assert set(found.values()) == {
        ("an ordinary user's libvirt, qemu:///session, has no networks", "labctl -c rootless has them")
    }
