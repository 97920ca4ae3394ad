"""The log of steps in a guest, which `labctl logs --provision` shows. A script's own output gets there as it runs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from labctl.host.access.streams import FEW_BYTES

if TYPE_CHECKING:
    from labctl.host.access.transport import Transport
    from labctl.kinds.provision.spec import ProvisionSpec

PATH = "/var/log/labctl-provision.log"  # as in templates/guest/provision.sh
MOST_BYTES = 1 << 20  # as there: of a log that is longer the last half is kept
_WRITE_S = 60.0
_APPEND = """umask 077
mkdir -p /var/log
if [ -f {path} ] && [ "$(wc -c <{path})" -gt {most} ]; then
    tail -c {half} {path} >{path}.new && mv {path}.new {path}
fi
[ ! -h {path} ] || rm -f {path}
{{ printf '=== %s %s\\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" {title}; cat; }} >>{path}
"""


async def append(way: Transport, spec: ProvisionSpec, text: str) -> None:
    """Append what a step did or said, of one that does not write there by itself.

    Raises:
        LabctlError: it can't be written.
    """
    script = _APPEND.format(path=PATH, most=MOST_BYTES, half=MOST_BYTES // 2, title=shlex.quote(title(spec)))
    done = await way.run(script, stdin=f"{text}\n".encode(), timeout=_WRITE_S, limit=FEW_BYTES)
    done.check("can't write its log in the guest")


def title(spec: ProvisionSpec) -> str:
    """What the line of a step begins with, after the time."""
    return f"{spec.address} {spec.given_name}".rstrip()
