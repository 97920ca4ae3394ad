"""What libvirt says of the domains that a host can have."""

import libvirt
import pytest

from labctl.host.libvirt import domain_capabilities
from labctl.host.libvirt.domain_capabilities import DomainCapabilities

TEXT = """\
<domainCapabilities>
  <path>/usr/bin/qemu-system-x86_64</path>
  <vcpu max='255'/>
  <os supported='yes'>
    <enum name='firmware'><value>efi</value></enum>
    <loader supported='yes'><value>/f/CODE.fd</value><enum name='secure'><value>no</value></enum></loader>
  </os>
  <cpu>
    <mode name='custom' supported='yes'>
      <model usable='yes'>qemu64</model><model usable='no'>Skylake-Server</model>
    </mode>
  </cpu>
  <devices>
    <disk supported='yes'><enum name='bus'><value>ide</value><value>virtio</value></enum></disk>
    <graphics supported='yes'><enum name='type'><value>vnc</value></enum></graphics>
    <tpm supported='no'/>
  </devices>
</domainCapabilities>"""


class Virt:
    """Knows x86_64 with the machine pc, emulated."""

    def getDomainCapabilities(self, _emulator, arch, machine, accel):  # noqa: N802  # libvirt's name
        if arch == "arm64":
            raise error(libvirt.VIR_ERR_INVALID_ARG)
        if arch == "mips":
            raise error(libvirt.VIR_ERR_CONFIG_UNSUPPORTED)
        if accel not in (None, "qemu") or machine not in (None, "pc"):
            raise error(libvirt.VIR_ERR_INVALID_ARG)
        return TEXT


def error(code):
    made = libvirt.libvirtError("no")
    made.err = (code, 0, "no")
    return made


def test_the_words_are_those_of_the_xml():
    assert domain_capabilities.look(Virt(), "x86_64", "pc", "qemu") == DomainCapabilities(
        emulator="/usr/bin/qemu-system-x86_64",
        cpus=255,
        firmware=frozenset({"efi"}),
        loaders=frozenset({"/f/CODE.fd"}),
        secure=frozenset({"no"}),
        buses=frozenset({"ide", "virtio"}),
        graphics=frozenset({"vnc"}),
        tpm_backends=frozenset(),
        cpu_models=frozenset({"qemu64"}),
        known_models=frozenset({"qemu64", "Skylake-Server"}),
    )


@pytest.mark.parametrize(
    ("kind", "lacks"),
    [
        (("mips", "malta", "qemu"), "emulator"),
        (("arm64", "virt", "qemu"), "arch"),
        (("arm64", None, "kvm"), "arch"),
        (("x86_64", "pcc", "qemu"), "machine"),
        (("x86_64", "pc", "kvm"), "accel"),
        (("x86_64", None, "kvm"), "accel"),
    ],
)
def test_what_is_not_there_at_all_is_told_apart(kind, lacks):
    assert domain_capabilities.look(Virt(), *kind).lacks == lacks


def test_what_libvirt_does_not_say_is_not_known():
    """As the test driver, and an older libvirt."""

    class Silent:
        def getDomainCapabilities(self, *_):  # noqa: N802
            raise error(libvirt.VIR_ERR_NO_SUPPORT)

    nothing = DomainCapabilities()
    assert domain_capabilities.look(Silent(), "i686", None, "test") == nothing
    assert domain_capabilities.read("<domainCapabilities/>") == nothing


def test_machines_are_known_by_both_of_their_names():
    text = (
        "<capabilities><guest><arch name='x86_64'><machine canonical='pc-i440fx-7.2'>pc</machine></arch></guest>"
        "<guest><arch name='aarch64'><machine>virt</machine></arch></guest></capabilities>"
    )
    assert set(domain_capabilities.machines(text, "x86_64")) == {"pc", "pc-i440fx-7.2"}
