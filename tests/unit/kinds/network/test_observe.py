"""Whose a network is, and what it is to others."""

import libvirt
import pytest

from labctl.core import xmltree
from labctl.core.identity import object_uuid
from labctl.kinds.network import xml
from labctl.kinds.network.observe import definition, read
from labctl.kinds.network.spec import NetworkSpec

NETWORK = NetworkSpec(
    "shop",
    "front",
    bridge="lab-1",
    subnet4="10.0.0.0/24",
    host4="10.0.0.1/24",
    subnet6="fd00::/64",
    host6="fd00::1/64",
    file="/labs/Labfile.yaml",
)


def rendered(*, marked=True, **texts):
    """The network's XML, without labctl's mark perhaps, and with other texts in some of its elements."""
    root = xml.render(NETWORK)
    if not marked:
        root.remove(root.find("metadata"))
    for tag, text in texts.items():
        root.find(tag).text = text
    return xmltree.to_text(root)


def test_a_network_of_the_lab_is_read():
    spec, other = read("shop", rendered())
    assert spec == NETWORK
    assert (other.kind, other.name) == ("network", "shop.front")
    assert other.uuid == object_uuid("shop", "network", "front")


def test_to_others_it_is_subnets_and_a_bridge_that_are_taken():
    for lab, text, whose in (("other", rendered(), "shop"), ("other", rendered(marked=False), "")):
        spec, other = read(lab, text)
        assert spec is None
        assert (other.lab, other.bridge) == (whose, "lab-1")
        assert other.subnets == ("10.0.0.1/24", "fd00::1/64")


def test_one_that_was_renamed_or_lost_its_mark_is_still_the_labs():
    spec, _ = read("shop", rendered(name="mine"))
    assert (spec.name, spec.renamed) == ("front", "mine")
    spec, _ = read("shop", rendered(marked=False))
    assert (spec.name, bool(spec.unmarked)) == ("front", True)


class Network:
    """Shows its persistent definition only where there is no error."""

    def __init__(self, code=None):
        self.code = code

    def XMLDesc(self, flags):  # noqa: N802  # libvirt's name
        if flags and self.code is not None:
            error = libvirt.libvirtError("no")
            error.err = (self.code, 0, "no", 2, "", None, None, 0, 0)
            raise error
        return "persistent" if flags else "running"


def test_a_driver_that_keeps_no_definition_beside_the_running_one_shows_that():
    assert definition(Network()) == "persistent"
    assert definition(Network(libvirt.VIR_ERR_INVALID_ARG)) == "running"
    with pytest.raises(libvirt.libvirtError):
        definition(Network(libvirt.VIR_ERR_NO_NETWORK))
