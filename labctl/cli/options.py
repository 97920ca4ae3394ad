"""The global options. They may stand before the verb or after it, and the function of the verb gets them as one value.

typer takes the options of a command from the signature of its function. If each verb repeated the global options there,
its own options would be hard to find, so `with_global_options` adds them.
"""

from __future__ import annotations

import functools
import inspect
import os
from typing import TYPE_CHECKING, Annotated, Any, cast, get_type_hints

import typer

from labctl.core.errors import UsageError
from labctl.core.record import fields, record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    VerbFunction = Callable[..., int]
    TyperFunction = Callable[..., Callable[[], int]]
    Decorator = Callable[[VerbFunction], TyperFunction]
    Parameters = Mapping[str, inspect.Parameter]

_PANEL = "global options, before or after the command"


def _without_colour(given: bool) -> bool:  # noqa: FBT001  # typer calls it
    """Set NO_COLOR while typer still parses, so that the help is printed without colours too."""
    if given:
        os.environ["NO_COLOR"] = "1"
    return given


@record
class Options:
    """The values of the global options. The annotations of the fields declare them for typer."""

    file: Annotated[
        str | None,
        typer.Option(
            "--file",
            "-f",
            metavar="PATH",
            help="the Labfile, or its folder; - is standard input",
            rich_help_panel=_PANEL,
        ),
    ] = None
    connect: Annotated[
        str | None,
        typer.Option(
            "--connect",
            "-c",
            metavar="URI",
            help="the libvirt connection, such as qemu:///system or rootless",
            rich_help_panel=_PANEL,
        ),
    ] = None
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="set a parameter; repeatable", rich_help_panel=_PANEL
        ),
    ] = None
    params: Annotated[
        list[str] | None,
        typer.Option(
            "--params",
            metavar="FILE",
            help="read parameters from a YAML file; repeatable",
            rich_help_panel=_PANEL,
        ),
    ] = None
    json: Annotated[
        bool, typer.Option("--json", help="print JSON, where the command has it", rich_help_panel=_PANEL)
    ] = False
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="only warnings and errors", rich_help_panel=_PANEL)
    ] = False
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose", "-v", help="show every operation, and in plans every field", rich_help_panel=_PANEL
        ),
    ] = False
    debug: Annotated[bool, typer.Option("--debug", help="show tracebacks", rich_help_panel=_PANEL)] = False
    no_color: Annotated[
        bool,
        typer.Option(
            "--no-color",
            help="also NO_COLOR",
            rich_help_panel=_PANEL,
            is_eager=True,  # before --help
            callback=_without_colour,
        ),
    ] = False

    @classmethod
    def of(cls, ctx: typer.Context) -> Options:
        """The options given before the verb, which parent contexts have, and after it.

        A later value wins; values of a list option are added up.
        """
        options = cls.of(cast("typer.Context", ctx.parent)) if ctx.parent else cls()
        later = {}
        for each in fields(cls):
            value = ctx.params.get(each.name)
            if isinstance(value, list | tuple):
                value = [*(getattr(options, each.name) or ()), *value] or None
            if value not in (None, False):
                later[each.name] = value
        return replace(options, **later)

    @property
    def colour(self) -> bool:
        return not (self.no_color or os.environ.get("NO_COLOR"))


class Call(functools.partial[int]):
    """The call of a verb, with its arguments.

    `libvirt` says whether it runs where libvirt is, `labfile` whether a wrong Labfile is an error of it.
    """

    libvirt: bool
    labfile: bool

    @property
    def options(self) -> Options:
        return cast("Options", self.args[0])


def with_global_options(
    *, json: str | None, libvirt: bool = True, labfile: bool = False, connect: str = ""
) -> Decorator:
    """Add the global options to the function of a verb, which gets their values as its first argument.

    With `libvirt` the verb runs where libvirt is: inside the user's own, for whoever can't reach the system's.
    With `labfile` a wrong Labfile is told before such a libvirt is started. `connect` is the connection of a verb that
    has no other.

    `json` names the form of what the verb prints with --json: a schema of `labctl schema`, or the address of somebody
    else's form. With None it prints none, and the option is refused.
    """
    parameters = {**_PARAMETERS, "json": _json_option(json)}

    def decorated(verb: VerbFunction) -> TyperFunction:
        has_json = json is not None
        return _command(
            verb, parameters, has_json=has_json, libvirt=libvirt, labfile=labfile, connect=connect
        )

    return decorated


def before_verbs(callback: VerbFunction) -> TyperFunction:
    """Add the global options to the function that stands for a group of verbs, before one of them."""
    return _command(callback, _PARAMETERS, has_json=True)


def _command(  # noqa: PLR0913  # what the verbs differ in, by keyword
    verb: VerbFunction,
    parameters: Parameters,
    *,
    has_json: bool,
    libvirt: bool = False,
    labfile: bool = False,
    connect: str = "",
) -> TyperFunction:
    """The command that typer calls. It does not run the verb but returns the call of it.

    `labctl.cli.run` makes this call once typer has returned: typer would turn Ctrl-C and a closed pipe into exit codes
    before `boundary` sees them.

    Raises:
        UsageError: JSON is asked of a verb that has none.
    """

    @functools.wraps(verb)
    def command(ctx: typer.Context, **given: Any) -> Callable[[], int]:
        own = {name: value for name, value in given.items() if name not in parameters}
        options = Options.of(ctx)
        options = replace(options, connect=connect) if connect else options
        if options.json and not has_json:
            raise UsageError(f"`{ctx.command_path}` has no JSON to print", hint="leave out --json")
        call = Call(verb, options, **own)
        call.libvirt, call.labfile = libvirt, labfile
        return call

    _, *own = inspect.signature(verb, eval_str=True).parameters.values()
    added = {**parameters, "file": _LONG_FILE} if any(map(_follows, own)) else parameters
    command.__signature__ = inspect.Signature([_CONTEXT, *own, *added.values()])  # type: ignore[attr-defined]
    return command


def _json_option(form: str | None) -> inspect.Parameter:
    """The option --json of a verb, whose help tells the form. Where it is refused, the help does not have it."""
    where = form if form is None or "/" in form else f"labctl schema {form}"
    shown = f"print JSON, of the form in `{where}`" if where else ""
    option = typer.Option("--json", help=shown, hidden=not shown, rich_help_panel=_PANEL)
    return _PARAMETERS["json"].replace(annotation=Annotated[bool, option])


def _follows(parameter: inspect.Parameter) -> bool:
    """Whether it is the option `--follow`, which has `-f`, as everywhere: then only `--file` names a Labfile there."""
    return parameter.name == "follow"


_CONTEXT = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
_HINTS = get_type_hints(Options, include_extras=True)
_PARAMETERS = {
    each.name: inspect.Parameter(
        each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=_HINTS[each.name]
    )
    for each in fields(Options)
}
_LONG_FILE = _PARAMETERS["file"].replace(
    annotation=Annotated[
        str | None,
        typer.Option(
            "--file",
            metavar="PATH",
            help="the Labfile, or its folder; - is standard input",
            rich_help_panel=_PANEL,
        ),
    ]
)
