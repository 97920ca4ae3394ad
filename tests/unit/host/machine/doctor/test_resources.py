"""Memory, disk space and folders of made-up hosts."""

from pathlib import Path

import pytest

from labctl.host.machine.doctor import resources
from labctl.host.machine.doctor.check import Distribution

DEBIAN = Distribution(0, "sudo ")


class TestResources:
    @pytest.mark.parametrize(("free", "verdict"), [(500_000, "warn"), (8_000_000, "ok")])
    def test_memory(self, tmp_path, free, verdict):
        (tmp_path / "meminfo").write_text(f"MemTotal: 16000000 kB\nMemAvailable: {free} kB\n")
        assert resources.memory(tmp_path / "meminfo").verdict == verdict

    @pytest.mark.parametrize(
        ("limit", "verdict", "told"),
        [
            (1 << 29, "warn", "512MiB left of what your processes may take, by a limit of their cgroup"),
            (9 << 30, "ok", "7812MiB of 15GiB available"),
        ],
    )
    def test_memory_within_a_limit(self, tmp_path, limit, verdict, told):
        (tmp_path / "meminfo").write_text("MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\n")
        check = resources.memory(tmp_path / "meminfo", limit)
        assert (check.verdict, check.found) == (verdict, told)

    def test_a_folder_that_others_cannot_pass(self, tmp_path):
        (tmp_path / "home/pool").mkdir(parents=True)
        (tmp_path / "home").chmod(0o700)
        tmp_path.chmod(0o755)
        check, _ = resources.pool(str(tmp_path / "home/pool"), DEBIAN, system=True)
        closed = Path(check.fix.rpartition(" ")[2])
        assert (check.verdict, check.found) == (
            "fail",
            f"{tmp_path}/home/pool: QEMU's user can't pass {closed}",
        )
        assert tmp_path.is_relative_to(closed) or closed == tmp_path / "home"
        assert not closed.stat().st_mode & 0o001

    @pytest.mark.parametrize(("free", "verdict"), [(0, "fail"), (2 << 30, "warn"), (50 << 30, "ok")])
    def test_disk(self, tmp_path, monkeypatch, free, verdict):
        monkeypatch.setattr(resources.shutil, "disk_usage", lambda _path: type("U", (), {"free": free}))
        assert list(resources.pool(str(tmp_path), DEBIAN, system=False))[-1].verdict == verdict
