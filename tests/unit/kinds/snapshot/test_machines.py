"""What the domains of a snapshot need of a host."""

import pytest

from labctl.kinds.snapshot import machines

DOMAIN = """<domain type='{}'><os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
<cpu mode='{}'><model>Nehalem</model></cpu></domain>"""


def test_a_domain_has_one():
    found = machines.of_domain(DOMAIN.format("qemu", "custom"))
    assert (found.arch, found.machine, found.accel) == ("x86_64", "pc-q35-7.2", "qemu")
    assert (found.cpu_mode, found.cpu_model) == ("custom", "Nehalem")
    assert found.cpu.strip() == '<cpu mode="custom"><model>Nehalem</model></cpu>'
    assert machines.of_domain("<domain/>") == machines.Machine("", "", "")


@pytest.mark.parametrize(
    ("accel", "mode", "is_so"),
    [
        ("kvm", "host-passthrough", True),
        ("kvm", "maximum", True),
        ("kvm", "custom", False),
        ("qemu", "maximum", False),
    ],
)
def test_only_with_kvm_a_guest_has_the_cpu_of_its_host(accel, mode, is_so):
    assert machines.of_domain(DOMAIN.format(accel, mode)).has_cpu_of_host is is_so


def test_the_cpu_of_a_host_is_kept_as_libvirt_tells_it():
    text = "<capabilities><host><cpu><arch>x86_64</arch></cpu></host></capabilities>"
    assert machines.cpu_of_host(text) == "<cpu><arch>x86_64</arch></cpu>"
    assert machines.cpu_of_host("<capabilities/>") == ""
