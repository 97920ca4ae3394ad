"""What people are shown of VMs, as it is read from libvirt's XML."""

from xml.etree import ElementTree as ET

from labctl.core import records
from labctl.core.identity import records_namespace
from labctl.core.ip import parse_addresses
from labctl.guest.nic_config import NicConfig
from labctl.kinds.network.overview import read_network
from labctl.kinds.vm import xml as vm_xml
from labctl.kinds.vm.disks_and_nics import DiskUse, NicUse
from labctl.kinds.vm.overview import read_vm
from labctl.kinds.vm.spec import VmSpec

GIB = 1 << 30


def test_what_a_domain_tells_of_a_vm():
    spec = VmSpec(
        lab="shop",
        name="web-1",
        cpus=2,
        memory=GIB // 2,
        max_memory=GIB,
        disks=(
            DiskUse("root", "/p/labctl-shop/web-1.root", "web-1/root", target="vda"),
            DiskUse("seed", "/p/labctl-shop/web-1.seed", target="vdb", readonly=True),
        ),
        nics=(
            NicUse("front", "52:54:00:00:00:01", "shop.front", "front"),
            NicUse(
                "back",
                "52:54:00:00:00:02",
                "shop.back",
                "back",
                guest=NicConfig.parse(["address 10.1.0.2/24", "address fd00::2/64", "mtu 1400"]),
                link="down",
            ),
            NicUse("lan", "52:54:00:00:00:03", "default"),
            NicUse(
                "ext",
                "52:54:00:00:00:04",
                "other",
                guest=NicConfig(dhcp4=True),
                seen=parse_addresses(["fd00::9", "192.0.2.9"]),
            ),
        ),
        problem="cloud-init failed",
        ready=True,
        base="web",
        user="me",
        file="/x/Labfile.yaml",
    )
    found = read_vm(vm_xml.render(spec))
    assert (found.name, found.base, found.user, found.file) == ("web-1", "web", "me", "/x/Labfile.yaml")
    assert (found.ready, found.cpus, found.memory) == (True, 2, GIB // 2)
    assert (found.disks, found.seeded, found.awaited) == (("root",), True, True)
    assert [(nic.network, *map(str, nic.ips)) for nic in found.nics] == [
        ("front",),
        ("back", "10.1.0.2", "fd00::2"),
        ("default",),
        ("other", "192.0.2.9", "fd00::9"),
    ]
    assert [nic.link for nic in found.nics] == ["up", "down", "up", "up"]
    assert [nic.reports for nic in found.nics] == [False, False, False, True]
    assert found.problem == "cloud-init failed"


def test_disks_that_lie_elsewhere_are_named():
    """That of a snapshot, but none that someone plugged in: those are libvirt's to name."""
    folder = "/p/labctl-shop"
    disks = (DiskUse("root", f"{folder}/web.before"), DiskUse("data", f"{folder}/web.data"))
    disks += (DiskUse("shared", f"{folder}/_volume.shared"), DiskUse("other", "/elsewhere/web.other"))
    root = vm_xml.render(VmSpec("shop", "web", disks=disks).with_targets({}))
    added = "<disk><source file='/x.iso'/><alias name='ide0-0-0'/></disk>"
    root.find("devices").append(ET.fromstring(added))
    found = read_vm(root)
    assert dict(found.moved) == {"root": f"{folder}/web.before", "other": "/elsewhere/web.other"}


def test_what_others_made_is_not_read():
    assert read_vm(ET.fromstring("<domain><name>web</name></domain>")) is None
    assert read_network(ET.fromstring("<network><name>front</name></network>")) is None


def test_a_vm_that_is_not_ready_tells_which_of_its_steps_failed():
    for ready, told in ((False, "provision/web/2 x failed: `labctl up` tells why, and goes on"), (True, "")):
        root = vm_xml.render(VmSpec("shop", "web", ready=ready))
        made = ET.fromstring(records.render({"#1": {"digest": "k:1"}, "x": {"failed": "provision/web/2 x"}}))
        made.tag = f"{{{records_namespace('provision')}}}records"
        root.find("metadata").append(made)
        assert read_vm(root).problem == told
