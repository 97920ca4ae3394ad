"""Every property that a kind declares is exercised: it stands in a golden file, and is written as it was read.

Files of `golden` and `golden/storage` are what labctl writes (`test_golden` and `test_volumes` make them), those of
`golden/libvirt` what libvirt tells of objects that are there, which have more.
"""

import importlib
import pkgutil
from ipaddress import ip_address
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from labctl import kinds
from labctl.core import xmltree
from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Property
from labctl.guest.nic_config import NicConfig
from labctl.host import libvirt as host_libvirt
from labctl.kinds.network import xml as network_xml
from labctl.kinds.network.spec import DhcpHost, DnsHost, NetworkSpec
from labctl.kinds.vm import xml as vm_xml
from labctl.kinds.vm.disks_and_nics import DiskUse, NicUse
from labctl.kinds.vm.spec import VmSpec

GOLDEN = Path(__file__).parents[2] / "golden"


def declarations():
    """Those of the kinds, and of the pools and volumes that some of them are made of."""
    modules = [
        importlib.import_module(each.name)
        for package in (kinds, host_libvirt)
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    found = {
        id(each): each
        for module in modules
        for each in vars(module).values()
        if isinstance(each, Declaration)
    }
    return list(found.values())


def roots(pattern):
    return [ET.parse(path).getroot() for path in sorted(GOLDEN.glob(pattern))]


def unexercised(declared, objects):
    """The properties that stand in none of these objects."""
    missing = {f"{each.path}: {prop.path}": (each, prop) for each in declared for prop in each.properties}
    for root in objects:
        for name, (declaration, prop) in list(missing.items()):
            if any(prop.is_in(element) for element in declaration.elements(root)):
                del missing[name]
    return list(missing)


def test_the_golden_files_exercise_every_property():
    """A property that fails here wants a line in one of the Labfiles of tests/golden."""
    assert unexercised(declarations(), roots("**/*.xml")) == []


def test_a_property_that_no_file_has_is_named():
    @record
    class Watchdog:
        action: str = ""
        colour: str = ""

    watchdog = Declaration(
        "devices/watchdog", Watchdog, Property("action", "@action"), Property("colour", "@colour")
    )
    assert unexercised([watchdog], roots("escape.vm-web.xml")) == ["devices/watchdog: @colour"]


def unedited(kind):
    """The golden files of a kind without `xml:`, which would be applied once more."""
    return [path for path in sorted(GOLDEN.glob(f"*.{kind}-*.xml")) if ' xml="' not in path.read_text()]


@pytest.mark.parametrize("path", unedited("vm"), ids=lambda path: path.stem)
def test_a_vm_that_is_read_is_written_the_same(path):
    assert xmltree.to_text(vm_xml.render(vm_xml.read(ET.parse(path).getroot()))) == path.read_text()


@pytest.mark.parametrize("path", unedited("network"), ids=lambda path: path.stem)
def test_a_network_that_is_read_is_written_the_same(path):
    assert xmltree.to_text(network_xml.render(network_xml.read(ET.parse(path).getroot()))) == path.read_text()


def test_what_libvirt_tells_of_a_running_vm():
    """Libvirt writes out its own choices, places devices, and tells the layers of disks."""
    root = ET.parse(GOLDEN / "libvirt/running.vm-web.xml").getroot()
    folder = "/var/lib/libvirt/images/labctl-shop"
    below = (f"{folder}/web.root", "/var/lib/libvirt/images/labctl-images/sha256-aa.img")
    seen = vm_xml.read(root)
    assert seen.nics[1].seen == (ip_address("192.0.2.9"), ip_address("fd00::9"))
    assert seen == VmSpec(
        lab="shop",
        name="web",
        cpus=1,
        memory=160 << 20,
        max_memory=192 << 20,
        disks=(
            DiskUse("root", f"{folder}/web.before", "web/root", serial="root", target="vda", below=below),
            DiskUse("seed", f"{folder}/web.seed", format="raw", readonly=True, target="vdb"),
        ),
        nics=(
            NicUse(
                "front",
                "52:54:00:d3:86:83",
                "shop.front",
                "front",
                inbound=1024,
                guest=NicConfig.parse(["address 10.0.1.2/24", "route default 10.0.1.1"]),
                port="6f8e7a5c-39d5-4a0e-8d0e-8f1f0e1c9a11",
            ),
            NicUse(
                "office",
                "52:54:00:12:34:56",
                "office",
                guest=NicConfig(dhcp4=True),
                port="0c3d5f7e-8f13-4c55-9a5b-6a1d8b7a2f10",
            ),
        ),
        arch="x86_64",
        accel="qemu",
        machine="q35",
        cpu_mode="custom",
        cpu_model="qemu64",
        tb_cache=256 << 20,
        firmware="uefi",
        hosts="",
        ready=False,
        keys="0a1b2c3d",
        problem="its cloud-init failed",
        console_log=f"{folder}/web.console",
        nvram="/var/lib/libvirt/qemu/nvram/shop.web_VARS.fd",
        seed="f827023f:382b8292fe8cc50b8c80f9f7b108cffd",
        after=(("db", "ready"),),
        file="/labs/shop/Labfile.yaml",
        base="web",
        user="lab",
        applied="5d1c33b5c1b0a9f2",
    )


def test_what_libvirt_tells_of_a_running_network():
    """Somebody has changed it: there are netmasks, and a reservation without an address."""
    root = ET.parse(GOLDEN / "libvirt/running.network-front.xml").getroot()
    assert network_xml.read(root) == NetworkSpec(
        lab="shop",
        name="front",
        mode="nat",
        bridge="lab-0c15709e",
        subnet4="10.0.1.0/24",
        subnet6="fd00:1::/64",
        host4="10.0.1.1/24",
        host6="fd00:1::1/64",
        dhcp_range="10.0.1.100-10.0.1.120",
        dhcp_hosts=(DhcpHost(ip_address("10.0.1.2"), "web", "52:54:00:d3:86:83"),),
        dns_hosts=(DnsHost(ip_address("10.0.1.2"), ("web", "web.shop.lab")),),
        domain="shop.lab",
        routes=("10.8.0.0/16 via 10.0.1.9",),
        file="/labs/shop/Labfile.yaml",
        applied="5d1c33b5c1b0a9f2",
    )
