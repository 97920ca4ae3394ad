"""What provisioning steps do: one record for each kind of step, as the Labfile says it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from labctl.core.record import field, record, replace, values
from labctl.core.text import clipped

SHOWN = 60  # characters of what a step does that a plan shows


@record
class Shell:
    """Run a script in the guest."""

    text: str

    @property
    def summary(self) -> str:
        """What it does, in a few words, as for all kinds of work."""
        lines = [line for line in self.text.splitlines() if line.strip() and not line.startswith("#!")]
        return clipped(lines[0].strip(), SHOWN) if lines else ""


@record
class Copy:
    """Copy a file or folder of this machine into the guest. `mode` is that of the file, or of the folder itself.

    `real` is where the source led when the Labfile was read.
    """

    source: Path
    target: str
    mode: int | None = None
    real: str = field(default="", compare=False)

    @property
    def summary(self) -> str:
        return clipped(f"copies {self.source.name} to {self.target}", SHOWN)


@record
class Fetch:
    """Copy a file or folder of the guest to this machine. `real` is where the target led when the Labfile was read."""

    source: str
    target: Path
    real: str = field(default="", compare=False)

    @property
    def summary(self) -> str:
        return clipped(f"fetches {self.source}", SHOWN)


@record
class Ansible:
    """Run a playbook on this machine against guests. `variables` are JSON, in which secrets may be."""

    playbook: Path
    variables: str = "{}"
    tags: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        return clipped(f"plays {self.playbook.name}", SHOWN)

    @property
    def folder(self) -> Path:
        """All that is played: what the playbook includes, and what Ansible runs for it, has to be in here."""
        return self.playbook.parent


Work = Shell | Copy | Fetch | Ansible


def stated(work: Work) -> list[Any]:
    """What a step does as data for JSON: without the content of files."""
    stays = {name: _plain(value) for name, value in values(work).items() if name != "real"}
    return [type(work).__name__, stays]


def identity(work: Work) -> str:
    """What a step without a name is known by: a digest of what it does, without the content of files.

    It is in the metadata of domains, so it may be made of no secret, and stays the same where local keys are lost.
    """
    if isinstance(work, Ansible):
        work = replace(work, variables="")
    return hashlib.sha256(json.dumps(stated(work)).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
