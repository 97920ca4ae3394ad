"""What many libvirt objects tell of themselves: half of the time of such a call is the daemon's.

Others work on the same host: what was listed a moment ago may be gone when it is asked. That is no failure; every look
at objects that were listed goes through here.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

import libvirt

from labctl.host.libvirt.connection import CALLS_IN_FLIGHT, code

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
# Each kind's own word for it: a volume whose pool went says nothing of the volume
_GONE = {
    libvirt.virDomain: libvirt.VIR_ERR_NO_DOMAIN,
    libvirt.virNetwork: libvirt.VIR_ERR_NO_NETWORK,
    libvirt.virStoragePool: libvirt.VIR_ERR_NO_STORAGE_POOL,
    libvirt.virStorageVol: libvirt.VIR_ERR_NO_STORAGE_VOL,
    libvirt.virDomainSnapshot: libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT,
}
WORTH_A_THREAD = 8


def dumps(objects: Sequence[Any], flags: int = 0) -> list[str | None]:
    """The XML of each domain, network, pool or volume; None where it went since it was listed.

    Raises:
        libvirt.libvirtError: one of them could not be made.
    """
    return described(objects, lambda each: str(each.XMLDesc(flags)))


def described(objects: Sequence[Any], describe: Callable[[Any], T]) -> list[T | None]:
    """What is told of each domain, network, pool or volume; None where it went since it was listed.

    It is asked for by threads that do nothing else: one that parses in between keeps the others from the interpreter.

    Raises:
        libvirt.libvirtError, LabctlError: what `describe` raised for another reason.
    """
    told: list[T | None] = [None] * len(objects)
    errors: list[Exception] = []
    waiting = iter(enumerate(objects))  # each is handed out once, whoever asks

    def work() -> None:
        for place, each in waiting:
            try:
                told[place] = describe(each)
            except Exception as error:  # noqa: BLE001  # it is raised where it was asked for
                if type(each) not in _GONE or code(error) != _GONE[type(each)]:
                    errors.append(error)
            if errors:
                return

    count = min(CALLS_IN_FLIGHT, 1 + len(objects) // WORTH_A_THREAD)
    helpers = [threading.Thread(target=work, name="dumps", daemon=True) for _ in range(count - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]
    return told
