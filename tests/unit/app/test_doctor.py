"""All checks of doctor at once."""

import pytest

from labctl.app import doctor
from labctl.host.host import Host
from labctl.host.machine.doctor.check import Check
from labctl.host.machine.processes import Identity
from labctl.host.rootless.state import Holder


def test_all_of_it(monkeypatch):
    found = list(doctor.examine(Host("test:///default")))
    assert {"cpu", "kvm", "libvirt", "qemu", "dnsmasq", "memory", "disk", "port 53"} <= {
        check.name for check in found
    }
    assert all(check.found for check in found)
    assert doctor.failed([Check("x", "ok", ""), Check("y", "fail", "")])


@pytest.mark.parametrize(("opened", "told"), [(True, False), (False, True)])
def test_a_libvirt_of_ones_own_without_a_way_out_is_told(monkeypatch, opened, told):
    holder = Holder(Identity(4711, "1", ""), Identity(4712, "1", ""))
    monkeypatch.setattr("labctl.host.libvirt.uri.choose_uri", lambda asked: (asked, ""))
    monkeypatch.setattr(doctor.world, "running", lambda: holder)
    there = doctor.command.path
    monkeypatch.setattr(doctor.command, "path", lambda tool: tool if tool == "pasta" else there(tool))
    monkeypatch.setattr(doctor.way_out, "is_open", lambda init: opened and init == 4712)
    found = {check.name: check for check in doctor.examine(Host("rootless"))}
    assert "4711" in found["rootless"].found
    assert ("way out" in found) == told
