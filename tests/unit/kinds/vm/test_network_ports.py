"""NICs that a network let go of."""

import libvirt
import pytest

from labctl.kinds.vm.disks_and_nics import NicUse
from labctl.kinds.vm.network_ports import NetworkPorts
from labctl.kinds.vm.spec import VmSpec

FRONT = NicUse("front", "52:54:00:00:00:01", "shop.front", "front", port="p-1")
SECOND = NicUse("second", "52:54:00:00:00:02", "shop.front", "front", port="p-2")
OUTSIDE = NicUse("outside", "52:54:00:00:00:03", "br0")


class Port:
    def __init__(self, uuid):
        self.UUIDString = lambda: uuid


class Virt:
    """Has one network with these ports; or asking it fails with that code."""

    def __init__(self, *ports, code=None):
        self.ports, self.code, self.asked = ports, code, 0

    def networkLookupByName(self, _name):  # noqa: N802  # libvirt's name
        self.asked += 1
        if self.code is not None:
            error = libvirt.libvirtError("no")
            error.err = (self.code, 0, "no", 2, "", None, None, 0, 0)
            raise error
        return self

    def listAllPorts(self):  # noqa: N802  # libvirt's name
        return [Port(uuid) for uuid in self.ports]


def unplugged(virt):
    vm = NetworkPorts(virt).with_unplugged_nics(VmSpec("shop", "web", nics=(FRONT, SECOND, OUTSIDE)))
    return [nic.name for nic in vm.nics if nic.unplugged]


def test_a_nic_whose_port_the_network_does_not_know_is_unplugged():
    assert unplugged(Virt("p-1", "p-2")) == []
    assert unplugged(Virt("p-1", "p-9")) == ["second"]


def test_a_network_that_is_down_or_gone_has_no_ports():
    assert unplugged(Virt(code=libvirt.VIR_ERR_OPERATION_INVALID)) == ["front", "second"]
    assert unplugged(Virt(code=libvirt.VIR_ERR_NO_NETWORK)) == ["front", "second"]


def test_a_driver_that_can_not_tell_unplugs_nobody():
    assert unplugged(Virt(code=libvirt.VIR_ERR_NO_SUPPORT)) == []
    with pytest.raises(libvirt.libvirtError):
        unplugged(Virt(code=libvirt.VIR_ERR_AUTH_FAILED))


def test_each_network_is_asked_once():
    virt = Virt("p-1", "p-2")
    unplugged(virt)
    assert virt.asked == 1
