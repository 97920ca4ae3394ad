"""A network that is rendered reads back the same."""

import pytest
from hypothesis import given

from labctl.kinds.network import xml as network_xml
from labctl.kinds.network.spec import NetworkSpec
from tests.strategies import networks


@given(networks())
def test_a_network_reads_back(spec):
    assert network_xml.read(network_xml.render(spec)) == spec


@given(networks())
def test_ports_of_our_bridges_forward_at_once(spec):
    """With STP a guest that booted within 4 s is ready and can't be reached."""
    bridge = network_xml.render(spec).find("bridge")
    assert spec.mode in ("bridge", "macvtap") or (bridge.get("stp"), bridge.get("delay")) == ("off", "0")


@given(networks())
def test_nat_is_for_both_families(spec):
    """A ULA that is forwarded as it is never gets an answer."""
    nat = network_xml.render(spec).find("forward/nat")
    assert (nat is not None) == bool(spec.mode == "nat" and spec.subnet6)


def test_a_boot_server_stands_alone():
    """Also where no guest has a reservation yet: else each plan would want the network anew."""
    spec = NetworkSpec("lab", "n", host4="10.0.0.1/24", boot_file="boot.ipxe", boot_server="10.0.0.5")
    assert network_xml.read(network_xml.render(spec)) == spec


@pytest.mark.parametrize("name", ["x\nconf-script=/tmp/evil", "a,b", "a b"])
def test_a_boot_files_name_that_dnsmasq_would_take_for_more_gets_into_no_xml(name):
    with pytest.raises(ValueError, match="can't be a boot file's name"):
        NetworkSpec("lab", "n", host4="10.0.0.1/24", boot_file=name).rendered()


def bridge_mac(lab: str, name: str, mode: str) -> str | None:
    element = network_xml.render(NetworkSpec(lab, name, mode)).find("mac")
    return None if element is None else element.get("address")


def test_a_network_that_is_made_anew_has_the_mac_that_it_had():
    """Guests that come back from memory know the host by it."""
    assert (
        bridge_mac("shop", "front", "nat") == bridge_mac("shop", "front", "isolated") == "52:54:00:0c:15:70"
    )
    assert (
        len(
            {
                bridge_mac("shop", "front", "nat"),
                bridge_mac("shop", "back", "nat"),
                bridge_mac("x", "front", "nat"),
            }
        )
        == 3
    )


def test_a_network_without_a_bridge_of_its_own_has_none():
    """It is refused there by libvirt."""
    assert bridge_mac("shop", "front", "bridge") is None
    assert bridge_mac("shop", "front", "macvtap") is None
