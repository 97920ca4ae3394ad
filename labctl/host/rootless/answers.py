"""What the process outside answers to labctl inside: about ports, with sockets for them, memory, files and locks."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.core.endpoint import Endpoint
from labctl.core.errors import LabctlError
from labctl.host.files.owners import user
from labctl.host.machine import cgroups, lock, ports, processes

if TYPE_CHECKING:
    from labctl.host.rootless.outside import Answer, Reply, Request

_PROC = Path("/proc")


def answers(init: int) -> Answer:
    """What answers requests from inside the world with this PID 1."""
    return partial(_answer, init)


def _answer(init: int, request: Request) -> Reply:
    if request["about"] == "memory":
        return {"left": cgroups.memory_left(init)}, []
    if request["about"] == "owner":
        return _owner(Path(request["path"]), request["file"]), []
    if request["about"] == "lock":
        return {"holder": lock.holder_of(request["file"])}, []
    return _port(init, request)


def _owner(path: Path, file: list[int]) -> dict[str, Any]:
    """Who owns the file of this device and inode, which is at the path, or where a link at it leads."""
    for found in (path.lstat(), path.stat()):
        if [found.st_dev, found.st_ino] == file:
            return {"uid": found.st_uid, "name": user(found.st_uid)}
    raise LabctlError("it is another file", where=str(path))


def _port(init: int, request: Request) -> Reply:
    endpoint, protocol = Endpoint.parse(request["endpoint"]), request["protocol"]
    refused = ports.refusal(endpoint, protocol)
    if refused:
        inner = _inner_pid(refused.owner.pid, init) if refused.owner else None
        owner = [inner, refused.owner.name] if refused.owner and inner else None
        return {"summary": refused.summary, "hint": refused.hint, "owner": owner}, []
    if not request["listen"]:
        return {}, []
    return {}, [ports.listening(endpoint, protocol).detach()]


def _inner_pid(pid: int, init: int) -> int | None:
    """The PID that a process has inside; None if it is outside."""
    try:
        if _namespace(pid) != _namespace(init):
            return None
    except OSError:
        return None
    return next(reversed(processes.pids(pid)), None)


def _namespace(pid: int) -> Path:
    return (_PROC / str(pid) / "ns/pid").readlink()
