"""The XML of many libvirt objects, read by several threads, since half of the time of each call is the daemon's.

Others work on the same host, so an object may disappear after it was listed. That is no failure; therefore every read
of listed objects goes through this module.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, TypeVar

import libvirt

from labctl.host.libvirt.connection import CALLS_IN_FLIGHT, code

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
# Each kind of object has its own code: an error about the pool of a volume does not mean that the volume is gone
_GONE = {
    libvirt.virDomain: libvirt.VIR_ERR_NO_DOMAIN,
    libvirt.virNetwork: libvirt.VIR_ERR_NO_NETWORK,
    libvirt.virStoragePool: libvirt.VIR_ERR_NO_STORAGE_POOL,
    libvirt.virStorageVol: libvirt.VIR_ERR_NO_STORAGE_VOL,
    libvirt.virDomainSnapshot: libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT,
}
WORTH_A_THREAD = 8


def dumps(objects: Sequence[Any], flags: int = 0) -> list[str | None]:
    """The XML of each domain, network, pool or volume; None for an object that disappeared after it was listed.

    Raises:
        libvirt.libvirtError: libvirt failed for another reason.
    """
    return described(objects, lambda each: str(each.XMLDesc(flags)))


def snapshot_dumps(domain: Any) -> list[str]:
    """The XML of each snapshot of a virDomain that libvirt knows of, as virsh makes them."""
    (listed,) = described([domain], lambda each: each.listAllSnapshots())
    texts = described(listed or (), lambda each: str(each.getXMLDesc()))
    return [text for text in texts if text is not None]


def described(objects: Sequence[Any], describe: Callable[[Any], T]) -> list[T | None]:
    """The result of `describe` for each domain, network, pool or volume; None for an object that disappeared meanwhile.

    `describe` should only call libvirt: a thread that parses XML in between keeps the others from the interpreter.

    Raises:
        libvirt.libvirtError, LabctlError: `describe` failed for another reason.
    """
    results: list[T | None] = [None] * len(objects)
    errors: list[Exception] = []
    waiting = iter(enumerate(objects))  # the threads share it, so that each object is taken once

    def work() -> None:
        for place, each in waiting:
            try:
                results[place] = describe(each)
            except Exception as error:  # noqa: BLE001  # the caller's thread raises it
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
    return results
