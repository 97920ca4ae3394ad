"""What the groups of a process leave it: https://docs.kernel.org/admin-guide/cgroup-v2.html"""

from __future__ import annotations

from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


def memory_left(pid: int, root: Path = _ROOT, proc: Path = _PROC) -> int | None:
    """The bytes of memory that a process may still take; None where nothing limits it, or it can't be seen."""
    try:
        lines = (proc / str(pid) / "cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    own = next((line.partition("::/")[2] for line in lines if line.startswith("0::/")), "")
    group = root / own
    groups = [each for each in (group, *group.parents) if each.is_relative_to(root)]
    return min((left for each in groups if (left := _left(each)) is not None), default=None)


def _left(group: Path) -> int | None:
    """What one group leaves; None without a limit."""
    try:
        most = (group / "memory.max").read_text(encoding="ascii").strip()
        if most == "max":
            return None
        taken = int((group / "memory.current").read_text(encoding="ascii")) - _file_pages(group)
        return max(0, int(most) - taken)
    except (OSError, ValueError, KeyError):
        return None  # no such controller here


def _file_pages(group: Path) -> int:
    """The bytes of files that the kernel keeps in memory, and drops before the limit is reached."""
    lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
    found = dict(line.split(maxsplit=1) for line in lines)
    return int(found["active_file"]) + int(found["inactive_file"])
