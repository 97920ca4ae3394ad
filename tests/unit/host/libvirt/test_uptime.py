"""How long a domain has run, by the process that runs it."""

import os

from labctl.host.libvirt.uptime import uptime


def test_a_process_here_says_nothing_of_a_domain_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "libvirt/qemu/run").mkdir(parents=True)
    (tmp_path / "libvirt/qemu/run/shop.web.pid").write_text(f"{os.getpid()}\n")
    assert uptime("shop.web", "qemu:///session") is not None
    assert uptime("shop.db", "qemu:///session") is None
    assert uptime("shop.web", "qemu+ssh://kvm1/session") is None
