"""From a Labfile to specs."""

import pytest

from labctl.core.address import Address
from tests.composed import specs

VM = {"image": "debian-12"}
BLANK = {"image": "none", "disk": "1GiB"}


def vm(name="v", **vms):
    return specs({"vms": vms})[Address("vm", name)]


@pytest.mark.parametrize(
    ("written", "awaited"),
    [
        (VM, True),
        (BLANK, False),
        ({**VM, "cloud_init": False}, False),
        ({**BLANK, "ready": [{"tcp": 22}]}, True),
    ],
)
def test_a_vm_is_ready_only_where_something_tells(written, awaited):
    spec = vm(v=written)
    assert spec.awaited is awaited
    assert spec.ready is (True if awaited else None)
    assert ("ready" in spec.verbs(None, None)) is awaited


@pytest.mark.parametrize("stage", ["started", "booted", "ready"])
def test_of_a_vm_that_nothing_is_told_of_the_start_is_waited_for(stage):
    """Else who depends on it would wait for nothing at all."""
    assert vm("w", v=BLANK, w={**VM, "depends_on": {"v": stage}}).after == (("v", "started"),)
    assert vm("w", v=VM, w={**VM, "depends_on": {"v": stage}}).after == (("v", stage),)


def test_of_any_vm_the_creation_can_be_waited_for():
    assert vm("w", v=BLANK, w={**VM, "depends_on": {"v": "created"}}).after == (("v", "created"),)


@pytest.mark.parametrize("bus", ["virtio", "scsi", "sata", "ide"])
def test_the_seed_is_on_the_bus_of_the_root_disk(bus):
    """A guest that can boot from it has the driver."""
    spec = vm(v={**VM, "disk": {"bus": bus}, "disks": [{"name": "data", "size": "1GiB"}]})
    assert {use.name: use.bus for use in spec.disks} == {"root": bus, "data": "virtio", "seed": bus}
