"""The log of steps in a guest, which `labctl logs --provision` shows. A script's own output gets there as it runs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from labctl import resources
from labctl.host.access.streams import FEW_BYTES

if TYPE_CHECKING:
    from labctl.host.access.transport import Transport
    from labctl.kinds.provision.spec import ProvisionSpec

PATH = "/var/log/labctl-provision.log"
MOST_BYTES = 1 << 20  # of a log that is longer the last half is kept
_WRITE_S = 60.0
_APPEND = """umask 077
begin_entry
cat >>$log
"""


async def append(way: Transport, spec: ProvisionSpec, text: str) -> None:
    """Append what a step did or said, of one that does not write there by itself.

    Raises:
        LabctlError: it can't be written.
    """
    done = await way.run(
        begins(spec) + _APPEND, stdin=f"{text}\n".encode(), timeout=_WRITE_S, limit=FEW_BYTES
    )
    done.check("can't write its log in the guest")


def begins(spec: ProvisionSpec) -> str:
    """What root's shell in a guest needs before it calls `begin_entry`, after which `$log` takes what the step says."""
    settings = f"log={shlex.quote(PATH)}\ntitle={shlex.quote(title(spec))}\nmost={MOST_BYTES}\n"
    return settings + resources.text("templates/guest/provision-log.sh")


def title(spec: ProvisionSpec) -> str:
    """What the line of a step begins with, after the time."""
    return f"{spec.address} {spec.given_name}".rstrip()
