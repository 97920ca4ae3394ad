"""The typer application: its verbs are imported when called, its complaints are labctl's errors."""

from __future__ import annotations

import inspect
import os
import sys
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from labctl.cli import elsewhere
from labctl.cli.options import Argument, Option, Options
from labctl.cli.parameters import Parameter, global_parameters, parameters
from labctl.cli.verbs import GROUPS, NESTED, TAKES_COMMAND, VERBS, module
from labctl.core.closest_matches import closest_matches
from labctl.core.errors import UsageError
from labctl.core.record import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# What typer raises of a wrong command line. It exports the subclass alone, and newer ones bring their own click.
Complaint: Any = typer.BadParameter.__mro__[1]


def invoke(argv: list[str]) -> int:
    """Run one command and give its exit code.

    Typer's own `main` is passed by: it makes exit codes of Ctrl-C and of closed pipes, which the boundary tells.

    Raises:
        LabctlError: what went wrong.
    """
    cut = argv.index("--") if "--" in argv else len(argv)
    words, command = argv[:cut], tuple(argv[cut + 1 :])
    app: Any = get_command(_app())
    with app.make_context("labctl", words or ["--help"], obj=Options(command=command)) as ctx:
        return int(app.invoke(ctx))


def reached(words: list[str]) -> tuple[tuple[str, ...], list[Any], Options]:
    """For completion: the verbs among these words, the parameters they take, what the global options say so far.

    Raises:
        UsageError: there is no such verb.
    """
    app: Any = get_command(_app())
    ctx = app.make_context("labctl", [], resilient_parsing=True)
    values, rest, _ = app.make_parser(ctx).parse_args(list(words))
    options = Options().then(Options.of(values))
    if not rest:
        return (), app.params, options
    verb, command, rest = app.resolve_command(ctx, rest)
    ctx = command.make_context(verb, [], parent=ctx, resilient_parsing=True)
    values, rest, _ = command.make_parser(ctx).parse_args(rest)
    options = options.then(Options.of(values))
    if verb not in NESTED:
        return (verb,), command.params, options
    if not rest:
        return (verb,), command.params, options
    below, command, rest = command.resolve_command(ctx, rest)
    ctx = command.make_context(below, [], parent=ctx, resilient_parsing=True)
    values, _, _ = command.make_parser(ctx).parse_args(rest)
    return (verb, below), command.params, options.then(Options.of(values))


class Verb(TyperCommand):
    """One verb."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing and (ctx.obj.help or {"-h", "--help"} & set(args)):
            ctx.obj = ctx.obj.then(Options(help=True, no_color="--no-color" in args))
            ctx.resilient_parsing = True  # even where a required word is missing
            args = []
        with _parsing(self, ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        return _show(ctx) if ctx.obj.help else super().invoke(ctx)


class Verbs(TyperGroup):
    """A table of verbs: listing them takes no imports, calling one imports its file."""

    above: tuple[str, ...] = ()  # the verb that these are below, as in `labctl image list`

    @property
    def table(self) -> dict[str, str]:
        return NESTED[self.above[0]] if self.above else VERBS

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # its signature
        return list(self.table)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:  # noqa: ARG002  # its signature
        """What a listing needs of the verb."""
        panel = next((group for group, verbs in GROUPS.items() if cmd_name in verbs and not self.above), None)
        text = self.table.get(cmd_name)
        return TyperCommand(cmd_name, help=text, rich_help_panel=panel) if text else None

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _parsing(self, ctx):
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb itself; `help VERB` is `VERB --help`.

        Raises:
            UsageError: there is no such verb; the nearest is named.
        """
        verb, *rest = args
        if verb == "help":
            if not rest:
                return verb, TyperCommand(verb, callback=lambda: _show(ctx)), []
            verb, rest = rest[0], [*rest[1:], "--help"]
        if verb not in self.table:
            raise UsageError(f"no such command: {verb}", hint=self._meant(verb))
        return verb, _group(verb) if verb in NESTED and not self.above else _command(*self.above, verb), rest

    def _meant(self, word: str) -> str:
        """What other tools call so, else the nearest verb."""
        if known := elsewhere.hint(word, self.above):
            return known
        path = " ".join(("labctl", *self.above))
        near = _close(word, self.table)
        return f"did you mean `{path} {near}`?" if near else f"`{path} --help` lists the commands"


def _app() -> typer.Typer:
    app = _typer(cls=Verbs, invoke_without_command=True, subcommand_metavar="COMMAND [VM]...")
    app.callback(
        epilog="`labctl COMMAND --help` tells more.", help="Virtual labs on libvirt from one Labfile."
    )(_with_globals(_before))
    return app


def _group(verb: str) -> Any:
    """The verbs below one."""
    app = _typer(cls=Verbs, invoke_without_command=True, subcommand_metavar="COMMAND")
    summary = f"{VERBS[verb][0].upper()}{VERBS[verb][1:]}."
    app.callback(epilog=f"`labctl {verb} COMMAND --help` tells more.", help=summary)(_with_globals(_before))
    group: Any = get_command(app)
    group.above = (verb,)
    return group


def _before(ctx: typer.Context, options: Options) -> int:
    """What the global options before the verb mean for it.

    Raises:
        UsageError: there is no verb.
    """
    ctx.obj = options
    if ctx.invoked_subcommand is None:
        if not options.help:
            raise UsageError("no command given", hint=f"`{ctx.command_path} --help` lists them")
        return _show(ctx)
    return 0


def _command(*verb: str) -> Any:
    run: Callable[..., int] = import_module(module(*verb)).run

    def called(_ctx: typer.Context, options: Options, **own: Any) -> int:
        if options.command and verb[0] not in TAKES_COMMAND:
            raise UsageError(f"`labctl {' '.join(verb)}` takes nothing after --")
        return run(options, **own)

    app = _typer()
    text = NESTED[verb[0]][verb[1]] if verb[1:] else VERBS[verb[0]]
    summary = f"{text[0].upper()}{text[1:]}."
    app.command(verb[-1], cls=Verb, help="\n\n".join(filter(None, [summary, run.__doc__])))(
        _with_globals(called, parameters(run))
    )
    return get_command(app)


def _with_globals(run: Callable[..., int], own: Iterable[Parameter] = ()) -> Callable[..., int]:
    """`run(ctx, options, **own)` as typer wants it: each global option is a parameter, behind its own ones."""

    def command(ctx: typer.Context, **given: Any) -> int:
        later = Options.of(given)
        return run(ctx, ctx.obj.then(later), **{name: given[name] for name in given.keys() - globals_})

    globals_ = {each.name: each for each in global_parameters()}
    kind = inspect.Parameter.KEYWORD_ONLY
    first = inspect.Parameter("ctx", kind, annotation=typer.Context)
    told = [_told(each, kind) for each in (*own, *globals_.values())]
    command.__signature__ = inspect.Signature([first, *told])  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in (first, *told)}
    return command


def _told(parameter: Parameter, kind: Any) -> inspect.Parameter:
    """A parameter with our declaration in typer's terms."""
    declared = parameter.declared
    if isinstance(declared, Option):
        info: Any = typer.Option(
            *declared.names,
            metavar=declared.metavar,
            help=declared.help,
            show_default=False,
            rich_help_panel=declared.panel,
        )
    else:
        assert isinstance(declared, Argument)  # there is nothing else
        info = typer.Argument(metavar=declared.metavar, help=declared.help, show_default=False)
    default = inspect.Parameter.empty if parameter.default is MISSING else parameter.default
    return inspect.Parameter(
        parameter.name, kind, default=default, annotation=Annotated[parameter.type, info]
    )


def _typer(**settings: Any) -> typer.Typer:
    """An application that leaves help and errors to us."""
    return typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        add_help_option=False,
        **settings,
    )


def _show(ctx: typer.Context) -> int:
    """Print the help, which typer lays out with rich."""
    if not ctx.obj.colour:
        os.environ["NO_COLOR"] = "1"
    sys.stdout.write(ctx.get_help())  # nothing more where rich has printed it
    return 0


@contextmanager
def _parsing(command: Any, ctx: Any) -> Iterator[None]:
    """Around typer's own parsing: take words as they are, and say complaints as labctl says them.

    Raises:
        UsageError: the command line is wrong; a hint names the nearest option.
    """
    for each in command.params:
        _take_words(each)
    try:
        yield
    except Complaint as error:
        unknown = error.option_name if hasattr(error, "possibilities") else ""
        message = error.message if unknown else error.format_message()
        near = _close(unknown, [name for each in command.params for name in each.opts])
        hint = f"see `{ctx.command_path} --help`"
        if command.name == "ssh" and "extra argument" in message:
            hint = "a command stands behind --, as in `labctl ssh web -- ls -l`"
        raise UsageError(
            f"{message[0].lower()}{message[1:]}".rstrip("."),
            hint=f"did you mean {near}? Else {hint}" if near else hint,
        ) from error


def _take_words(parameter: Any) -> None:
    """Spare pydantic: newer typers import it to confirm that a word is a string."""
    kind = getattr(parameter, "type_descriptor", None)
    if kind and kind.annotation in (str, list[str]):
        checked = parameter.process_value
        missing = None if parameter.required else object()
        parameter.process_value = lambda ctx, value: checked(ctx, value) if value is missing else value


def _close(word: str, known: Iterable[str]) -> str:
    """The nearest known word, or the empty string."""
    return next(iter(closest_matches(word, known)), "")
