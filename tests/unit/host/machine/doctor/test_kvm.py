"""Whether this machine has KVM, on made-up hosts."""

import pytest

from labctl.host.machine.doctor import kvm
from labctl.host.machine.doctor.check import Distribution

DEBIAN = Distribution(0, "sudo ")


class TestKvm:
    @pytest.fixture
    def host(self, tmp_path, monkeypatch):
        monkeypatch.setattr(kvm.platform, "machine", lambda: "x86_64")

        def make(flags: str, *, node: bool, opening: str = ""):
            (tmp_path / "cpuinfo").write_text(f"flags : fpu {flags}\n")
            if node:
                (tmp_path / "kvm").touch()
            return list(kvm.checks(DEBIAN, tmp_path / "kvm", tmp_path / "cpuinfo", opening=opening))

        return make

    def test_no_flag_and_a_node_prove_nothing(self, host, monkeypatch):
        monkeypatch.setattr(
            kvm.subprocess, "run", lambda *_, **__: pytest.fail("the node must not be touched")
        )
        assert [check.verdict for check in host("", node=True)] == ["warn", "warn"]

    def test_no_node(self, host):
        cpu, node = host("vmx", node=False)
        assert (cpu.verdict, cpu.found) == ("ok", "vmx")
        assert node.fix == "sudo modprobe -a kvm_intel kvm_amd"

    def test_a_node_that_is_closed_to_a_user_for_whom_the_group_is_of_no_use(self, host, monkeypatch):
        monkeypatch.setattr(kvm.os, "access", lambda *_: False)
        _, node = host("vmx", node=True)
        assert "usermod -aG kvm" in node.advice
        _, node = host("vmx", node=True, opening="chmod 0666 /dev/kvm")
        assert (node.verdict, node.fix, node.advice) == ("warn", "chmod 0666 /dev/kvm", "")

    def test_a_node_that_makes_no_vm(self, host, monkeypatch):
        failed = kvm.subprocess.CompletedProcess(
            [], 1, "", "Traceback\nOSError: [Errno 16] Device or resource busy\n"
        )
        monkeypatch.setattr(kvm.subprocess, "run", lambda *_, **__: failed)
        _, node = host("svm", node=True)
        assert node.verdict == "warn"
        assert node.found.endswith("can't make a VM: OSError: [Errno 16] Device or resource busy")

    def test_a_node_that_hangs(self, host, monkeypatch):
        def hang(*_, **__):
            raise kvm.subprocess.TimeoutExpired("python", 5)

        monkeypatch.setattr(kvm.subprocess, "run", hang)
        assert host("svm", node=True)[1].verdict == "fail"
