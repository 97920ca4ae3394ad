"""Each disk bus, NIC model and firmware of the schema, driven by a guest."""

import json
from pathlib import Path

import pytest

from labctl import resources
from tests.e2e.labfiles import micro_lab
from tests.e2e.micro import GENERAL, build

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
        "image": str(general.sealed_image),
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
