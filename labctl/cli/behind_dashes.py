"""Commands whose last words stand behind `--`."""

from __future__ import annotations

from typing import Any, ClassVar

from typer.core import TyperCommand

from labctl.core.errors import UsageError


class BehindDashes(TyperCommand):
    """Takes everything behind `--` as the command. typer would take its first word for the VM if no VM is named."""

    misplaced: ClassVar[str] = "unexpected words after the VM"
    example: ClassVar[str] = "labctl ssh web -- ls -l"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse what stands before `--`.

        Raises:
            UsageError: a command stands before `--`. Its options would be taken for labctl's.
        """
        dashes = args.index("--") if "--" in args else len(args)
        rest = super().parse_args(ctx, args[:dashes])
        if ctx.params.get("command"):
            raise UsageError(self.misplaced, hint=f"a command stands behind --, as in `{self.example}`")
        ctx.params["command"] = args[dashes + 1 :]
        return rest
