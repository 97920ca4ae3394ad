"""Validates a Labfile without libvirt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.errors import Problem, Rejected
from labctl.core.record import record

if TYPE_CHECKING:
    from labctl.app.session import Session
    from labctl.labfile.model import LabModel

FORMAT = 1


@record
class Verdict:
    """The result of a validation; `lab` is None if there are errors."""

    lab: LabModel | None
    errors: tuple[Problem, ...] = ()
    more: int = 0  # errors beside these
    warnings: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        return self.lab is not None

    def headline(self) -> str:
        """`lab shop: 3 VMs, 2 networks`; empty if there are errors."""
        if self.lab is None:
            return ""
        counts = [
            (len(self.lab.vms), "VM"),
            (len(self.lab.networks), "network"),
            (len(self.lab.volumes), "volume"),
        ]
        parts = [f"{n} {word}{'s' * (n != 1)}" for n, word in counts if n or word != "volume"]
        return f"lab {self.lab.name}: {', '.join(parts)}"

    def to_json(self) -> dict[str, Any]:
        """`{"format", "ok", "problems": [{"severity", "summary", "path", "file", "line", "column", "hint"}]`
        and `"more"}`, the number of further errors.
        """
        return {
            "format": FORMAT,
            "ok": self.ok,
            "problems": [_json(each) for each in (*self.errors, *self.warnings)],
            "more": self.more,
        }


def validate(session: Session) -> Verdict:
    """Load the Labfile and give its problems."""
    try:
        loaded = session.loaded
    except Rejected as error:
        return Verdict(None, error.problems, error.more)
    return Verdict(loaded.lab, warnings=loaded.warnings)


def _json(problem: Problem) -> dict[str, Any]:
    where = problem.where
    return {
        "severity": problem.severity,
        "summary": problem.summary,
        "path": problem.path,
        "file": where.file if where else None,
        "line": where.line if where else None,
        "column": where.column if where else None,
        "hint": problem.hint,
    }
