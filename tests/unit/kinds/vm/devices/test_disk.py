"""Disks in a domain's XML."""

import pytest

from labctl.kinds.vm.devices.disk import DISK
from labctl.kinds.vm.disks_and_nics import DiskUse


@pytest.mark.parametrize("bus", ["virtio", "scsi", "sata", "ide"])
def test_a_seed_is_a_cd_rom_where_no_disk_can_be_read_only(bus):
    """QEMU refuses read-only disks on ATA buses."""
    seed = DISK.render(DiskUse("seed", "/pool/a.seed", bus=bus, readonly=True, target="sda"))
    data = DISK.render(DiskUse("data", "/pool/a.data", bus=bus, target="sdb"))
    assert seed.get("device") == ("cdrom" if bus in ("sata", "ide") else "disk")
    assert data.get("device") == "disk"
