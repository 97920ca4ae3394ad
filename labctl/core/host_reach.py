"""What of the host a lab reaches beyond its own folder. Each such thing needs the user's yes (docs/adr/0028)."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Any

from labctl.core.record import record
from labctl.core.text import clipped, printable

SHOWN = 12  # hex digits of an id that people see and type
MOST = 2000  # characters of a subject that people see; `plan --json` has all of them


class Deed(StrEnum):
    """What a lab does with the thing that it reaches."""

    EDITS = "edits"  # the XML by which libvirt runs programs and opens files and devices
    RUNS = "runs"
    OPENS = "opens"  # a connection from the host, or to a guest through it
    GIVES = "gives"  # a file, to a guest
    WRITES = "writes"  # a file, with what a guest gave


@record
class HostReach:
    """One thing of the host that a lab reaches.

    `subject` is the real path, the address, or the command's text. `field` and `where` are its origin: `vms.web.image`,
    `Labfile.yaml:7:12`. `content` stands for what is run or given: the digest of a file, or of a text. `trusted` says
    that the user said yes to it before.
    """

    deed: Deed
    subject: str
    field: str
    where: str
    reason: str
    content: str = ""
    trusted: bool = False

    @property
    def id(self) -> str:
        """What a yes is for: the same thing with the same content, wherever the Labfile has it. 64 hex digits."""
        stated = json.dumps([self.deed, self.subject, self.content])
        return hashlib.sha256(stated.encode("utf-8", "surrogatepass")).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Give a reach of `schemas/plan.schema.json`."""
        return {
            "id": self.id,
            "deed": str(self.deed),
            "subject": self.subject,
            "field": self.field,
            "where": self.where,
            "reason": self.reason,
            "content": self.content,
            "trusted": self.trusted,
        }

    def __str__(self) -> str:
        """One line, as in `gives /etc/motd  (Labfile.yaml:7:12: vms.web.cloud_init.file: a file from outside …)`."""
        return f"{self.deed} {self.shown}  ({self.origin})"

    @property
    def shown(self) -> str:
        """The subject as it is, but on one line and without what a terminal would act on; a very long one is cut."""
        return clipped(printable(self.subject), MOST)

    @property
    def origin(self) -> str:
        return printable(": ".join(filter(None, (self.where, self.field, self.reason))))
