"""Limits of groups of processes."""

import pytest

from labctl.host.machine import cgroups

MIB = 1 << 20


@pytest.fixture
def machine(tmp_path):
    """A process in a group of a user, without limits."""
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/cgroup").write_text("1:name=systemd:/x\n0::/user.slice/user-1000.slice\n")
    (tmp_path / "groups/user.slice/user-1000.slice").mkdir(parents=True)
    return tmp_path


def limit(machine, group, most, current, files=0):
    stat = f"anon 7\nfile {3 * files}\ninactive_file {files}\nactive_file {2 * files}\n"
    (machine / "groups" / group / "memory.stat").write_text(stat)
    (machine / "groups" / group / "memory.max").write_text(f"{most}\n")
    (machine / "groups" / group / "memory.current").write_text(f"{current}\n")


def left(machine):
    return cgroups.memory_left(7, machine / "groups", machine / "proc")


def test_nothing_limits_it(machine):
    assert left(machine) is None
    limit(machine, "user.slice", "max", MIB)
    assert left(machine) is None
    (machine / "proc/7/cgroup").unlink()
    assert left(machine) is None


def test_the_closest_limit_counts(machine):
    limit(machine, "user.slice/user-1000.slice", 100 * MIB, 30 * MIB)
    assert left(machine) == 70 * MIB
    limit(machine, "user.slice", 100 * MIB, 60 * MIB)
    assert left(machine) == 40 * MIB
    limit(machine, "user.slice", 100 * MIB, 101 * MIB)
    assert left(machine) == 0


def test_what_the_kernel_keeps_of_files_is_left(machine):
    limit(machine, "user.slice", 100 * MIB, 90 * MIB, 20 * MIB)
    assert left(machine) == 70 * MIB
