"""Each disk bus, NIC model and firmware of the schema, driven by a guest."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import libvirt
import pytest

from labctl import resources
from tests.e2e.labfiles import blank_lab, micro_lab
from tests.e2e.micro import AARCH64, GENERAL, RISCV64, build

ELSEWHERE = {"nvme"}  # this libvirt has none, see test_what_this_host_can_t_do_is_an_error_of_the_plan
MODELS = {
    "virtio": "virtio_net",
    "e1000": "e1000",
    "e1000e": "e1000e",
    "rtl8139": "8139cp",
    "vmxnet3": "vmxnet3",
    "pcnet": "pcnet32",
}
SERIALS = """\
for disk in /sys/block/[svn]*; do
    dd if=/dev/${disk##*/} of=/dev/null bs=1M count=1 2>/dev/null || continue
    echo $(cat $disk/serial 2>/dev/null || tail -c +5 $disk/device/vpd_pg80) $(cat $disk/size)
done"""
NEW_DISK = """\
for n in $(seq 60); do grep -qx 18432 /sys/block/sd*/size && exit; sleep 1; done; false"""


def enum(definition: str, field: str) -> set[str]:
    schema = json.loads(resources.text("schemas/labfile.schema.json"))
    return set(schema["$defs"][definition]["properties"][field]["enum"])


BUSES = sorted(enum("disk", "bus") - ELSEWHERE)


@pytest.fixture
def general():
    return build(GENERAL)


def test_guests_find_disks_on_every_bus_and_nics_of_every_model(make_lab, general):
    """One has a disk on each bus and a NIC of each model; the others boot from each bus, with their seeds on it too."""
    assert set(MODELS) == enum("nic", "model")
    sizes = {bus: size for size, bus in enumerate(BUSES, 2)}
    many = {
        "networks": [{"name": model, "model": model} for model in MODELS],
        "disks": [{"name": bus, "size": f"{size}MiB", "bus": bus} for bus, size in sizes.items()],
        "ready": [{"exec": f"ping -q -c 1 -W 10 ${{networks.{model}.host}}"} for model in MODELS],
    }
    vms = {"many": many}
    vms |= {bus: {"networks": ["virtio"], "disk": {"bus": bus}} for bus in BUSES if bus != "virtio"}
    networks = {model: {"mode": "isolated"} for model in MODELS}
    lab = make_lab(micro_lab("hardware", general, networks=networks, vms=vms))
    lab.up()
    command = Path(f"/proc/{Path('/run/libvirt/qemu/hardware.many.pid').read_text()}/cmdline").read_text()
    assert "tb-size=64" in command  # what QEMU may keep of translated code, in MiB
    drivers = lab.ssh("many", "for nic in /sys/class/net/*/device/driver; do readlink $nic; done")
    assert sorted(Path(line).name for line in drivers.splitlines()) == sorted(MODELS.values())
    assert {bus: size << 20 for bus, size in sizes.items()}.items() <= disks(lab, "many").items()
    for bus in set(vms) - {"many"}:
        assert "root" in disks(lab, bus)
        assert not lab.ssh(bus, "ls /dev/vd* 2>/dev/null || true")
    vms["sata"]["disks"] = [{"name": "late", "size": "9MiB", "bus": "scsi"}]
    assert lab.plan()["vm/sata"][0] == "update"
    lab.up()
    lab.ssh("sata", NEW_DISK)
    lab.destroy()


def disks(lab, vm: str) -> dict[str, int]:
    """Serial → bytes, of the disks that the guest can read."""
    rows = (line.rpartition(" ") for line in lab.ssh(vm, SERIALS).splitlines())
    return {serial: int(sectors) << 9 for serial, _, sectors in rows}


def test_a_vm_boots_by_secure_boot(make_lab, general):
    """From its disk: what the firmware starts has to be signed."""
    sealed = {
        "image": str(general.bootable_image),
        "firmware": "uefi",
        "secure_boot": True,
        "memory": "320MiB",
        "networks": ["front"],
        "ready": [{"exec": "dmesg | grep -q 'secureboot: Secure boot enabled'"}],
    }
    lab = make_lab(micro_lab("sealed", general, networks={"front": {}}, vms={"sealed": sealed}))
    del lab.content["defaults"]["boot"]
    lab.up()
    lab.destroy()


def test_guests_of_other_architectures_are_ready_beside_one_of_the_hosts(make_lab, micro):
    """Emulated, each with its disk, its NIC and labctl's port; one boots its kernel by UEFI."""
    arm, risc = build(AARCH64), build(RISCV64)
    vms = {
        "here": {"networks": ["front"]},
        "arm": foreign(arm),
        "risc": foreign(risc),
        "uefi": {**foreign(arm), "image": str(arm.bootable_image), "tpm": True, "graphics": "vnc"},
    }
    del vms["uefi"]["boot"]
    lab = make_lab(micro_lab("arches", micro, networks={"front": {}}, vms=vms))
    boot = lab.content["defaults"].pop("boot")
    vms["here"]["boot"] = boot
    lab.up()
    machines = {vm: lab.ssh(vm, "uname -m").strip() for vm in vms}
    assert machines == {"here": "x86_64", "arm": "aarch64", "risc": "riscv64", "uefi": "aarch64"}
    for vm in ("arm", "risc"):
        assert "root" in disks(lab, vm)
        lab.ssh("here", f"ping -q -c 1 -W 10 {vm}")
    lab.ssh("uefi", "test -d /sys/firmware/efi && test -e /sys/firmware/acpi/tables/TPM2")
    lab.ok("halt", "uefi")  # by ACPI, as on any PC
    lab.destroy()


def foreign(guest) -> dict[str, Any]:
    boot = {"kernel": str(guest.kernel), "initrd": str(guest.initrd), "cmdline": guest.cmdline}
    image = str(guest.image)
    return {"arch": guest.arch, "image": image, "memory": "320MiB", "networks": ["front"], "boot": boot}


WRONG = {
    "vms.ide.disk": {"machine": "q35", "disk": {"size": "1MiB", "bus": "ide"}},
    "vms.nvme.disks": {"disks": [{"name": "fast", "size": "1MiB", "bus": "nvme"}]},
    "vms.machine.machine": {"machine": "pcc"},
    "vms.model.cpu": {"cpu": {"model": "qemu46"}},
    "vms.cpus.cpus": {"cpus": 300},
    "vms.sealed.secure_boot": {"machine": "pc", "firmware": "uefi", "secure_boot": True},
    "vms.risc.boot": {"arch": "riscv64"},
    "vms.arm.firmware": {"arch": "aarch64", "firmware": "bios"},
    "vms.mips.arch": {"arch": "mips64"},
    "vms.alias.arch": {"arch": "arm64"},
    "networks.gone.external": {"networks": ["gone"]},
    "networks.bridged.bridge": {"networks": ["bridged"]},
    "networks.tapped.dev": {"networks": ["tapped"]},
}


def test_what_this_host_can_t_do_is_an_error_of_the_plan(make_lab):
    """All of it at once, before the first change; what libvirt says is asked, not guessed."""
    networks = {
        "gone": {"external": "defualt"},
        "bridged": {"mode": "bridge", "bridge": "br9"},
        "tapped": {"mode": "macvtap", "dev": "eth9"},
    }
    vms = {path.split(".")[1]: vm for path, vm in WRONG.items()}
    lab = make_lab(blank_lab("wrong", networks=networks, vms=vms))
    lab.content["defaults"]["state"] = "off"
    refused = lab.run("up", "--yes")
    assert refused.code == 2, refused
    told = [line.split(": ")[1] for line in refused.stderr.splitlines() if line.startswith("Labfile.yaml:")]
    assert sorted(told) == sorted(WRONG)
    screen = {"arch": "aarch64", "graphics": "vnc", "tpm": True}
    lab.content["vms"], lab.content["networks"] = {"plain": {}, "arm": screen}, {}
    lab.up()
    lab.content["vms"]["plain"]["machine"] = "q35"
    assert lab.plan()["vm/plain"] == ["restart", "machine"]
    lab.up()


LOOPBACK = "<graphics type='vnc' autoport='yes'><listen type='address' address='127.0.0.1'/></graphics>"
CONNECT = """
import os, socket, sys
os.setgroups([]), os.setgid(23456), os.setuid(23456)
socket.socket(socket.AF_UNIX).connect(sys.argv[1])
"""


def test_nobody_else_of_the_host_gets_to_a_display(make_lab, connection):
    """It is on a socket, whose folder is closed; a VM that an earlier labctl made with a port is restarted."""
    lab = make_lab(blank_lab("screen", networks={}, vms={"a": {"graphics": "vnc"}}))
    lab.up()
    sealed(connection)
    domain = connection.lookupByName("screen.a")
    text = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    old = re.sub(r"(?s)<graphics.*</graphics>", LOOPBACK, text)
    connection.defineXML(old)
    told = lab.run("plan").stdout
    assert "its display is open to every user of the host" in told
    assert lab.plan()["vm/a"] == ["restart", "exposed"]
    domain.destroy()
    domain.create()
    with socket.create_connection(("127.0.0.1", 5900), timeout=10):
        assert lab.plan()["vm/a"] == ["restart", "exposed"]
    lab.up()
    sealed(connection)


def sealed(connection) -> None:
    """The display of the VM is a socket that this user reaches and another one does not, and no port."""
    root = ET.fromstring(connection.lookupByName("screen.a").XMLDesc())
    (display,) = root.iterfind("devices/graphics")
    assert display.get("port", "-1") == "-1"
    path = display.find("listen").get("socket")
    with socket.socket(socket.AF_UNIX) as own:
        own.connect(path)
    another = subprocess.run(
        [sys.executable, "-c", CONNECT, path], capture_output=True, text=True, check=False
    )
    folder = Path(path).parent
    modes = [
        f"{each} {oct(each.stat().st_mode)} {each.owner()}" for each in (folder.parent, folder, Path(path))
    ]
    assert "PermissionError" in another.stderr, modes
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 5900), timeout=10)


def test_a_tpm_without_swtpm_is_an_error_of_the_plan(make_lab):
    lab = make_lab(blank_lab("tpm", networks={}, vms={"a": {"tpm": True, "state": "off"}}))
    hidden = ["/usr/bin/swtpm", "/usr/bin/swtpm_setup"]
    for each in hidden:
        subprocess.run(["mount", "--bind", "/dev/null", each], check=True)  # nobody can run it
    try:
        refused = lab.run("plan")
        assert (refused.code, "apt-get install swtpm swtpm-tools" in refused.stderr) == (1, True), refused
    finally:
        for each in hidden:
            subprocess.run(["umount", each], check=True)
    lab.up()
    lab.destroy()
