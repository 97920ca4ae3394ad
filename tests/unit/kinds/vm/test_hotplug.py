"""Devices of a running domain."""

from itertools import chain, repeat

import pytest

from labctl.core.record import replace
from labctl.kinds import addresses
from labctl.kinds.vm import hotplug
from labctl.kinds.vm.disks_and_nics import DiskUse
from labctl.kinds.vm.filesystems import FilesystemUse
from labctl.kinds.vm.spec import VmSpec

MIB = 1 << 20
TOP, MERGE = (
    "/p/web.data._layer-00000001",
    "<mirror job='active-commit'><source file='/p/web.data'/></mirror>",
)


class Domain:
    """A domain whose balloon is at these sizes, in MiB, one look after the other."""

    def __init__(self, *sizes: int) -> None:
        self._sizes = chain(sizes, repeat(sizes[-1]))

    def info(self) -> list[int]:
        return [1, 192 << 10, next(self._sizes) << 10, 1, 0]


@pytest.mark.parametrize(
    ("sizes", "settled"),
    [
        ((160, 165, 171, 176), True),
        ((192,), True),  # no balloon driver: it has its maximum, and always will
        ((192, 185, 181), False),  # the guest uses what it should give
    ],
)
def test_a_balloon_on_its_way_is_waited_for(monkeypatch, sizes, settled):
    """A plan made meanwhile would take it for someone's change."""
    monkeypatch.setattr(hotplug, "BALLOON_STILL_S", 0.2)
    assert hotplug.settle_memory(Domain(*sizes), 176 * MIB) is settled


def test_a_folder_that_goes_is_unplugged_and_none_is_plugged_in():
    """Libvirt 9.0 ends where virtiofs is plugged in: a new one comes by a restart."""
    one, two = FilesystemUse("labctl-1", "/srv/a"), FilesystemUse("labctl-2", "/srv/b")
    now = VmSpec("shop", "web", filesystems=(one, two))
    wanted = replace(now, filesystems=(two,))
    assert hotplug.leaving(now, wanted, ()) == [one]
    assert hotplug.coming(wanted, now) == []


class Merged:
    """A domain with a disk on which QEMU merges layers; libvirt unplugs it when that has ended."""

    def __init__(self) -> None:
        self.devices = (
            f"<disk><source file='{TOP}'/><target dev='vdb'/><alias name='ua-disk-data'/>{MERGE}</disk>"
        )

    def XMLDesc(self, _flags: int = 0) -> str:  # noqa: N802  # libvirt's name
        return f"<domain><devices>{self.devices}</devices></domain>"

    def blockJobAbort(self, target: str) -> None:  # noqa: N802  # libvirt's name
        assert target == "vdb"
        self.devices = self.devices.replace(MERGE, "")

    def detachDeviceFlags(self, _xml: str, _flags: int) -> None:  # noqa: N802  # libvirt's name
        assert MERGE not in self.devices, "disk vdb already in active block job"
        self.devices = ""


def test_a_disk_whose_layers_are_merged_is_unplugged():
    domain = Merged()
    hotplug.detach(domain, DiskUse("data", TOP), addresses.vm("web"))
    assert domain.devices == ""
