"""The log of steps in a guest, which `labctl logs --provision` shows. A script's own output gets there as it runs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from labctl.host.access.streams import FEW_BYTES

if TYPE_CHECKING:
    from labctl.host.access.transport import Transport
    from labctl.kinds.provision.spec import ProvisionSpec

PATH = "/var/log/labctl-provision.log"  # as in templates/guest/provision.sh
_WRITE_S = 60.0
_APPEND = """umask 077
mkdir -p /var/log
[ ! -h {path} ] || rm -f {path}
printf '=== %s %s\\n%s\\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" {title} {line} >>{path}
"""


async def append(way: Transport, spec: ProvisionSpec, line: str) -> None:
    """Append a step that has no output of its own.

    Raises:
        LabctlError: it can't be written.
    """
    text = _APPEND.format(path=PATH, title=shlex.quote(title(spec)), line=shlex.quote(line))
    done = await way.run(text, timeout=_WRITE_S, limit=FEW_BYTES)
    done.check("can't write its log in the guest")


def title(spec: ProvisionSpec) -> str:
    """What the line of a step begins with, after the time."""
    return f"{spec.address} {spec.given_name}".rstrip()
