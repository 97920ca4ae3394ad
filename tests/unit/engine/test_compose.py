"""From a Labfile to specs."""

import pytest

from labctl.core.address import Address
from labctl.core.diff import diff
from labctl.core.record import replace
from labctl.core.spec import Effect
from labctl.kinds.vm.verbs import READY
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
    assert (READY in spec.verbs(None, None)) is awaited


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


@pytest.mark.parametrize(
    ("arch", "machine", "model", "firmware", "accel"),
    [
        ("x86_64", None, None, "bios", "kvm"),
        ("i686", None, None, "bios", "kvm"),
        ("aarch64", "virt", "cortex-a57", "uefi", "qemu"),
        ("riscv64", "virt", None, "bios", "qemu"),
    ],
)
def test_each_architecture_gets_what_it_needs(arch, machine, model, firmware, accel):
    """The host is an x86_64 with KVM, which runs no foreign code."""
    spec = vm(v={**BLANK, "arch": arch})
    found = (spec.machine, spec.cpu_model, spec.firmware, spec.accel)
    assert found == (machine, model, firmware, accel)


def test_what_the_labfile_says_comes_before_what_its_architecture_needs():
    written = {"arch": "aarch64", "machine": "virt-7.2", "cpu": {"mode": "maximum"}, "firmware": "bios"}
    spec = vm(v={**BLANK, **written})
    found = (spec.machine, spec.cpu_mode, spec.cpu_model, spec.firmware)
    assert found == ("virt-7.2", "maximum", None, "bios")


@pytest.mark.parametrize(
    ("memory", "bound"), [("64MiB", 64), ("160MiB", 64), ("768MiB", 192), ("1GiB", 256), ("64GiB", 512)]
)
def test_an_emulated_guests_translated_code_is_bounded_by_its_memory(memory, bound):
    """A running guest may grow to its maximum without a restart, so that is what counts."""
    assert vm(v={**BLANK, "accel": "tcg", "memory": memory}).tb_cache == bound << 20
    grows = {**BLANK, "accel": "tcg", "memory": "64MiB", "max_memory": memory}
    assert vm(v=grows).tb_cache == bound << 20
    assert vm(v={**BLANK, "memory": memory}).tb_cache is None, "KVM translates nothing"


def test_a_vm_that_was_made_without_a_bound_is_not_restarted_for_it():
    """It gets it at its next start; another bound than it has takes a restart."""
    spec = vm(v={**BLANK, "accel": "tcg"})
    (change,) = diff(replace(spec, tb_cache=None), spec)
    assert (change.field, change.effect) == ("tb_cache", Effect.LIVE)
    (change,) = diff(replace(spec, tb_cache=64 << 20), spec)
    assert (change.field, change.effect) == ("tb_cache", Effect.RESTART)
