"""What libvirt answers, or that nothing does."""

from xml.etree import ElementTree as ET

import libvirt
import pytest

from labctl.host.machine.doctor import libvirtd
from labctl.host.machine.doctor.check import Distribution

DEBIAN = Distribution(0, "sudo ")


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (
            ("x86_64",),
            "QEMU is there for x86_64; `sudo apt-get install qemu-system-arm qemu-system-misc` brings aarch64, riscv64",
        ),
        (
            ("x86_64", "aarch64", "sh4"),
            "QEMU is there for aarch64, x86_64; `sudo apt-get install qemu-system-misc` brings riscv64",
        ),
        (("x86_64", "aarch64", "riscv64"), "QEMU is there for aarch64, riscv64, x86_64"),
    ],
)
def test_the_architectures_of_guests(there, found):
    arches = "".join(f"<guest><arch name='{name}'/></guest>" for name in there)
    seen = libvirtd.Libvirt(
        "qemu:///system",
        libvirt.open("test:///default"),
        capabilities=ET.fromstring(f"<capabilities>{arches}</capabilities>"),
    )
    (check,) = [each for each in libvirtd.checks(seen, DEBIAN) if each.name == "architectures"]
    assert (check.verdict, check.found) == ("ok", found)


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ('stdio_handler = "file"', True),
        ('#stdio_handler = "file"', False),
        ('stdio_handler = "logd"', False),
        (None, False),
    ],
)
def test_logs_of_consoles_without_a_bound_are_told(tmp_path, monkeypatch, text, warned):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if text:
        (tmp_path / "libvirt").mkdir()
        (tmp_path / "libvirt/qemu.conf").write_text(f"# QEMU\n{text}\n")
    found = [(check.name, check.verdict) for check in libvirtd.console_logs("qemu:///session")]
    assert found == [("console logs", "warn")] * warned


class TestLibvirt:
    def test_nothing_answers(self):
        (check, *_) = libvirtd.checks(libvirtd.Libvirt("qemu:///system", error="no such socket"), DEBIAN)
        assert check.verdict == "fail"
        assert "no such socket" in check.found
        assert check.fix

    def test_a_daemon_elsewhere_is_not_started_here(self):
        (check, *_) = libvirtd.checks(libvirtd.Libvirt("qemu+ssh://far/system", error="no route"), DEBIAN)
        assert (
            check.advice
            == "make `virsh -c qemu+ssh://far/system version` work, or name another with --connect"
        )

    def test_a_session_is_not_started_by_looking(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        monkeypatch.setattr(libvirt, "open", lambda _uri: pytest.fail("this would start a daemon"))
        (check,) = libvirtd.checks(libvirtd.connect("qemu:///session"), DEBIAN)
        assert check.verdict == "warn"

    def test_the_test_driver_answers(self):
        found = list(libvirtd.checks(libvirtd.connect("test:///default"), DEBIAN))
        assert [check.verdict for check in found] == ["ok", "ok", "ok"] or found[-1].name == "security driver"
