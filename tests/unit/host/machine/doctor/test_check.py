"""Commands that fit the distribution."""

import pytest

from labctl.host.machine.doctor.check import Distribution, distribution

DEBIAN = Distribution(0, "sudo ")


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ("ID=debian\n", "apt-get install dnsmasq-base"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt-get install dnsmasq-base"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install dnsmasq"),
        ("ID=arch\n", "pacman -S dnsmasq"),
        ("", "apt-get install dnsmasq-base"),
    ],
)
def test_commands_fit_the_distribution(tmp_path, release, command):
    (tmp_path / "os-release").write_text(release)
    assert distribution(tmp_path / "os-release").install("dnsmasq").endswith(command)


def test_one_package_is_named_once():
    assert DEBIAN.install("ssh", "ssh-keygen") == "sudo apt-get install openssh-client"


def test_a_tpm_needs_two_packages():
    assert DEBIAN.install("swtpm") == "sudo apt-get install swtpm swtpm-tools"
