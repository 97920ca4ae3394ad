"""Programs that are missing, with the packages that bring them."""

from labctl.host.machine.doctor import tools
from labctl.host.machine.doctor.check import Check, Distribution

DEBIAN = Distribution(0, "sudo ")


def test_missing_programs(monkeypatch):
    monkeypatch.setattr(tools.shutil, "which", lambda name, **_: "/x" if name == "ssh" else None)
    found = {check.name: check for check in tools.programs(DEBIAN)}
    assert found["ssh"].verdict == "ok"
    assert found["dnsmasq"] == Check(
        "dnsmasq",
        "fail",
        "not found: libvirt needs it for the DHCP and DNS of networks",
        "sudo apt-get install dnsmasq-base",
    )
    assert found["ansible-playbook"].fix == "sudo apt-get install ansible-core"
    assert found["mmdebstrap"].verdict == "warn"


def test_programs_that_a_users_own_libvirt_does_not_use_are_not_missed(monkeypatch):
    monkeypatch.setattr(tools.shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(tools.virtiofsd, "find", lambda: "")
    missed = {
        inside: {check.name for check in tools.programs(DEBIAN, inside=inside)} for inside in (False, True)
    }
    assert missed[False] - missed[True] == {"socat", "virtiofsd"}
    assert {"dnsmasq", "rsync", "swtpm"} <= missed[True]
