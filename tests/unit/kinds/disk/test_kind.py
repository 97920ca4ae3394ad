"""Disks as their volumes tell of them."""

from labctl.host.libvirt.volumes import Facts
from labctl.kinds.disk.kind import read


def test_what_guests_wrote_to_a_raw_volume_is_not_believed():
    path = "/images/labctl-shop/_volume.shared"
    wrote = Facts("_volume.shared", path, 1 << 20, 0, "qcow2", "/etc/shadow", physical=5 << 20)
    disk = read(wrote, "shop", "shared")
    assert (disk.size, disk.format, disk.base) == (5 << 20, "raw", "")
