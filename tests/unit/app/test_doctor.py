"""All checks of doctor at once."""

from labctl.app import doctor
from labctl.host.host import Host
from labctl.host.machine.doctor.check import Check


def test_all_of_it(monkeypatch):
    found = list(doctor.examine(Host("test:///default")))
    assert {"cpu", "kvm", "libvirt", "qemu", "dnsmasq", "memory", "disk", "port 53"} <= {
        check.name for check in found
    }
    assert all(check.found for check in found)
    assert doctor.failed([Check("x", "ok", ""), Check("y", "fail", "")])
