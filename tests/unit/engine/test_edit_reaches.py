"""Which edits of `xml:` need a yes: all but those that are known to name no program, file or device."""

import pytest

from labctl.core.host_reach import Deed
from labctl.engine.edit_reaches import reaches_of_edits
from labctl.labfile.load import load
from tests.composed import specs

QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
DNSMASQ = "http://libvirt.org/schemas/network/dnsmasq/1.0"
ASKED = {
    "the emulator": {"at": "./devices", "add": "<emulator>/tmp/evil</emulator>"},
    "QEMU's command line": {
        "at": ".",
        "add": f"<q:commandline xmlns:q='{QEMU}'><q:arg value='-x'/></q:commandline>",
    },
    "a script of a NIC": {"at": "./devices/interface", "add": "<script path='/tmp/evil'/>"},
    "a device of the host": {
        "at": "./devices",
        "add": "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/></source></hostdev>",
    },
    "a disk on a device": {
        "at": "./devices",
        "add": "<disk type='block'><source dev='/dev/sda'/><target dev='vdz'/></disk>",
    },
    "another file of a disk": {"at": "./devices/disk/source/@volume", "set": "other"},
    "a disk that may be written": {"at": "./devices/disk/readonly", "remove": True},
    "a folder": {
        "at": "./devices",
        "add": "<filesystem type='mount'><source dir='/root'/><target dir='r'/></filesystem>",
    },
    "a loader": {"at": "./os", "add": "<loader>/tmp/evil</loader>"},
    "a kernel": {"at": "./os", "add": "<kernel>/etc/shadow</kernel>"},
    "a file by fw_cfg": {
        "at": ".",
        "add": "<sysinfo type='fwcfg'><entry name='opt/x' file='/etc/shadow'/></sysinfo>",
    },
    "another user": {
        "at": ".",
        "add": "<seclabel type='static' model='dac' relabel='no'><label>0:0</label></seclabel>",
    },
    "a cgroup": {"at": ".", "add": "<resource><partition>/x</partition></resource>"},
    "what nobody knows yet": {"at": ".", "add": "<madeup/>"},
    "a path where there is none": {"at": ".", "add": "<iothreads>/etc/shadow</iothreads>"},
    "a dump": {"at": "./devices", "add": "<watchdog model='i6300esb' action='dump'/>"},
    "another type": {"at": "./@type", "set": "lxc"},
    "a priority over the host": {
        "at": ".",
        "add": "<cputune><vcpusched vcpus='0' scheduler='fifo' priority='99'/></cputune>",
    },
    "a run of numad": {"at": "./vcpu/@placement", "set": "auto"},
    "graphics for all": {"at": "./devices", "add": "<graphics type='vnc' listen='0.0.0.0'/>"},
}
NOT_ASKED = {
    "a watchdog": {"at": "./devices", "add": "<watchdog model='i6300esb' action='reset'/>"},
    "a state of power": {"at": ".", "add": "<pm><suspend-to-mem enabled='no'/></pm>"},
    "the clock": {"at": ".", "add": "<clock offset='localtime'/>"},
    "a title": {"at": ".", "add": "<title>web/1</title>"},
    "the machine": {"at": "./os/type/@machine", "set": "q35"},
    "IO threads": {"at": ".", "add": "<iothreads>2</iothreads>"},
}
OF_NETWORKS = {
    "options of dnsmasq": {
        "at": ".",
        "add": f"<d:options xmlns:d='{DNSMASQ}'><d:option value='dhcp-script=/tmp/evil'/></d:options>",
    },
    "a bridge of the host": {"at": "./bridge/@name", "set": "br0"},
    "a device of the host": {"at": ".", "add": "<forward mode='hostdev'/>"},
    "a folder for TFTP": {"at": "./ip", "add": "<tftp root='/etc'/>"},
    "text for dnsmasq": {"at": ".", "add": "<dns><txt name='x' value='&#10;dhcp-script=/x'/></dns>"},
}


def reaches(tmp_path, vm=(), network=()):
    content = {
        "networks": {"front": {"subnet": "10.90.0.0/24", "xml": list(network)}},
        "vms": {"web": {"image": "debian-12", "networks": ["front"], "xml": list(vm)}},
    }
    (tmp_path / "Labfile.yaml").write_text("labfile: 1\nname: shop\n")
    lab = load(str(tmp_path / "Labfile.yaml")).lab
    return list(reaches_of_edits(lab, specs(content).values()))


@pytest.mark.parametrize("edit", ASKED.values(), ids=ASKED)
def test_an_edit_that_can_reach_the_host_is_asked_for(tmp_path, edit):
    (found,) = reaches(tmp_path, vm=[edit])
    assert (found.deed, found.field) == (Deed.EDITS, "vms.web.xml[0]")
    assert found.subject.split()[:3] == [*(set(edit) - {"at"}), "at", edit["at"]]


@pytest.mark.parametrize("edit", OF_NETWORKS.values(), ids=OF_NETWORKS)
def test_so_is_one_of_a_network(tmp_path, edit):
    (found,) = reaches(tmp_path, network=[edit])
    assert found.field == "networks.front.xml[0]"


@pytest.mark.parametrize("edit", NOT_ASKED.values(), ids=NOT_ASKED)
def test_an_edit_that_names_nothing_of_the_host_is_not(tmp_path, edit):
    assert reaches(tmp_path, vm=[edit]) == []


def test_each_edit_is_judged_by_what_it_does_to_what_those_before_it_made(tmp_path):
    edits = [NOT_ASKED["a watchdog"], {"at": "./devices/watchdog", "add": "<x path='/tmp/evil'/>"}]
    assert [each.field for each in reaches(tmp_path, vm=edits)] == ["vms.web.xml[1]"]


def test_the_content_is_the_edits_exact_text(tmp_path):
    one, other = (
        reaches(tmp_path, vm=[{"at": "./devices", "add": f"<emulator>/tmp/{name}</emulator>"}])[0]
        for name in ("a b", "a  b")
    )
    assert one.subject == other.subject
    assert one.id != other.id
