"""labctl's metadata in a domain."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given

from labctl.core.ip import parse_addresses
from labctl.guest.nic_config import NicConfig
from labctl.kinds.vm import metadata
from labctl.kinds.vm.disks_and_nics import NicUse
from tests.strategies import ip_addresses, nic_configs, st


@given(nic_configs(), st.lists(ip_addresses).map(tuple))
def test_what_a_guest_was_told_and_said_reads_back(config, seen):
    told = metadata.NIC.render(NicUse("front", "52:54:00:00:00:01", "shop.front", guest=config, seen=seen))
    again = ET.fromstring(ET.tostring(told, encoding="unicode"))
    assert metadata.NIC.values(again) == {"name": "front", "guest": config, "seen": seen}


@pytest.mark.parametrize("line", ["mtu many", "mtu", "route default", "dhcp please"])
def test_what_someone_else_wrote_there_is_left_out(line):
    own = ET.Element("vm")
    ET.SubElement(own, "nic", name="front", guest=line, seen="10.0.0.2 nothing")
    assert metadata.nics(own) == {
        "front": {"name": "front", "guest": NicConfig(), "seen": parse_addresses(["10.0.0.2"])}
    }
