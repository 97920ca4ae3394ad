"""Groups of verbs that import a verb only when it is called. Click's documentation calls this lazy loading.

To import all verbs takes 60 ms, and `status` may take 250 ms.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar

from typer.core import TyperGroup
from typer.main import get_command

from labctl.cli import other_tools
from labctl.core.closest_matches import closest_matches
from labctl.core.errors import UsageError


class Verbs(TyperGroup):
    """The verbs of a package. Each is a module with the name of the verb and a typer application called `app`."""

    package: ClassVar[str]
    panels: ClassVar[dict[str, tuple[str, ...]]]  # the verbs under each heading of the help

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # the signature of the base
        return [verb for verbs in self.panels.values() for verb in verbs]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The verb of that name.

        Raises:
            UsageError: there is no such verb. The hint names labctl's verb for it, or a similar one.
        """
        panel = next((panel for panel, verbs in self.panels.items() if cmd_name in verbs), None)
        if panel is None:
            if ctx.resilient_parsing:  # typer only completes a command line here
                return None
            raise UsageError(f"no such command: {cmd_name}", hint=self._hint(ctx, cmd_name))
        command: Any = get_command(import_module(f"{self.package}.{_module(cmd_name)}").app)
        command.name, command.rich_help_panel = cmd_name, panel
        return command

    def _hint(self, ctx: Any, word: str) -> str:
        path, own = ctx.command_path, self.list_commands(ctx)
        foreign = other_tools.VERBS[path]
        near = [word] if word in foreign else closest_matches(word, [*own, *foreign])
        if not near:
            return f"`{path} --help` lists the commands"
        if near[0] in own:
            return f"did you mean `{path} {near[0]}`?"
        meant = foreign[near[0]]
        if isinstance(meant, str):
            return meant
        return "; or ".join(f"`{path} {verb}`: {self._summary(ctx, verb)}" for verb in meant)

    def _summary(self, ctx: Any, verb: str) -> str:
        """The first line of a verb's help. The verb may have two words, as in `image list`."""
        found: Any = self
        for name in verb.split():
            found = found.get_command(ctx, name)
        line = found.help.splitlines()[0].rstrip(".")
        return f"{line[0].lower()}{line[1:]}"


def _module(verb: str) -> str:
    """The name of a verb's module: neither `ssh-config` nor `import` can be a module's name in Python."""
    return "import_" if verb == "import" else verb.replace("-", "_")
