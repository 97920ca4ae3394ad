"""`python -m tests.e2e.meddled ARG …` is labctl, in which something happens before one of its calls of libvirt.

The variable MEDDLE_AT is the number of this call among those that change something, or their name, as in
`virDomain.resume`, for the first of them; `virDomain.resume+2` is the second call after that. MEDDLE_WITH is a shell
command.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest

from labctl.__main__ import main
from tests.e2e.harness import daemons
from tests.libvirt.calls import Asked, seen_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Finished
    from tests.e2e.labfiles import Lab

KILL = "kill -9 $PPID"
KILLED = -9
LOOKS = re.compile(
    r"(get|has|is|list|lookup|num)[A-Z]\w*|\w*(Lookup|List)\w*|\w*XMLDesc|\w*[cC]apabilities|\w*(Callback|Event)\w*"
    r"|autostart|blockJobInfo|compare\w+|download|info|infoFlags|memoryStats|metadata|newStream|path|recv\w*|refresh"
    r"|setKeepAlive|snapshotNum|state"
)


def meddled(lab: Lab, at: int | str, *command: str, do: str = KILL) -> Finished:
    """Run labctl; the shell command `do` runs before that call."""
    ended = lab.run(*command, module="tests.e2e.meddled", MEDDLE_AT=str(at), MEDDLE_WITH=do)
    if ended.code == KILLED:
        daemons.start_if_crashed()
    return ended


def meddling(at: str, command: str) -> Asked:
    lock, calls, sending = threading.Lock(), list[str](), set[Any]()
    start = at.partition("+")[0]

    def changes(name: str, thing: Any) -> bool:
        """Whether it does; so does the end of a stream on which something was sent."""
        _, _, method = name.partition(".")
        if method in ("send", "sendHole"):
            sending.add(thing)
        return thing in sending if method == "finish" else not LOOKS.fullmatch(method)

    def asked(name: str, thing: Any, call: Callable[[], Any]) -> Any:
        with lock:  # what other threads call waits until it has happened
            if changes(name, thing):
                first = name not in calls
                calls.append(name)
                since = f"{start}+{len(calls) - calls.index(start) - 1}" if start in calls else ""
                if at in (str(len(calls)), since) or (first and name == at):
                    subprocess.run(["sh", "-c", command], check=True)
        return call()

    return asked


if __name__ == "__main__":
    seen_by(meddling(os.environ["MEDDLE_AT"], os.environ["MEDDLE_WITH"]), pytest.MonkeyPatch())
    main()
