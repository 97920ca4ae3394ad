"""What every use case starts from: the Labfile, the connection, the lab's keys."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from labctl.host.connection import Connection
    from labctl.host.keys import Keys
    from labctl.labfile.load import Loaded
    from labctl.labfile.model import Lab


@dataclass
class Session:
    """The global options, and what follows from them, each worked out when first asked for."""

    source: str = "Labfile.yaml"
    uri: str | None = None
    sets: Mapping[str, str] = field(default_factory=dict)
    params: Sequence[Path] = ()
    adopt: bool = False

    @cached_property
    def loaded(self) -> Loaded:
        from labctl.labfile.load import load

        return load(self.source, sets=self.sets, params_files=self.params, environ=os.environ)

    @property
    def lab(self) -> Lab:
        return self.loaded.lab

    @cached_property
    def connection(self) -> Connection:
        from labctl.host.connection import Connection, choose_uri

        return Connection(choose_uri(self.uri))

    @property
    def folder(self) -> Path:
        """The lab's local files."""
        return self.lab.folder / ".labctl" / self.lab.name

    @cached_property
    def keys(self) -> Keys:
        from labctl.host.keys import Keys

        return Keys(self.folder)

    @property
    def lock_name(self) -> str:
        return f"lab {self.lab.name} on {self.connection.uri}"
