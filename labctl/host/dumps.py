"""The XML of many libvirt objects at once: half of the time of such a call is the daemon's."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.host.connection import CALLS_IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import Sequence

# not a pool: one that goes while its volumes are listed says nothing of them
_GONE = (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_NO_NETWORK, libvirt.VIR_ERR_NO_STORAGE_VOL)
WORTH_A_THREAD = 8


def dumps(objects: Sequence[Any], flags: int = 0) -> list[str | None]:
    """The XML of each domain, network or volume; None where it went since it was listed.

    They are made by threads that do nothing else: one that parses in between keeps the others from the interpreter.

    Raises:
        libvirt.libvirtError: one of them could not be made.
    """
    texts: list[str | None] = [None] * len(objects)
    errors: list[Exception] = []
    waiting = iter(enumerate(objects))  # each is handed out once, whoever asks

    def work() -> None:
        for place, each in waiting:
            try:
                texts[place] = each.XMLDesc(flags)
            except Exception as error:  # noqa: BLE001  # it is raised where it was asked for
                if not isinstance(error, libvirt.libvirtError) or error.get_error_code() not in _GONE:
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
    return texts
