"""What the verbs share: options become a lab, and data and words go to their places."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.cli import prompts, run_state
from labctl.cli.telling import say
from labctl.core.errors import Rejected, UsageError
from labctl.core.text import json_text
from labctl.report import screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.app.lab import Lab
    from labctl.app.session import Session
    from labctl.cli.options import Options


__all__ = [
    "interactive",
    "lab",
    "refuse_wrong",
    "say",
    "say_where_reached",
    "session",
    "write",
    "write_json",
    "write_json_line",
]


def lab(  # noqa: PLR0913  # the options, by keyword
    options: Options,
    *,
    adopt: bool = False,
    overcommit: bool = False,
    locked: bool = False,
    trust: bool = False,
    shows_plan: bool = True,
) -> Lab:
    """The lab that the global options name. Without `trust`, someone at a terminal is asked.

    The question says all where the verb shows no plan that has said it.

    Raises:
        UsageError: `--set` is not NAME=VALUE.
    """
    from labctl.app import labfile_path
    from labctl.app.lab import Lab

    told = shows_plan and not (options.quiet or options.json)
    asks = prompts.trusts if told else prompts.trusts_untold
    made = Lab(
        options.file,
        connect=options.connect,
        sets=dict(_sets(options.sets or [])),
        params=options.params or (),
        adopt=adopt,
        overcommit=overcommit,
        locked=locked,
        trust=trust or (asks if interactive() else False),
    )
    run_state.concerns(made)
    if options.file is None and made.labfile != labfile_path.LABFILE:
        say(f"using {made.labfile}")
    return made


def session(
    options: Options, *, locked: bool = False, trust: bool = False, labfile_optional: bool = False
) -> Session:
    """What a verb starts from that is no method of `Lab` and shows no plan.

    Raises:
        UsageError: `--set` is not NAME=VALUE.
    """
    made = lab(options, locked=locked, trust=trust, shows_plan=False)
    return made.session(labfile_optional=labfile_optional)


def refuse_wrong(options: Options) -> None:
    """Raise what is wrong with the Labfile that the options name. What can be read once only, as a pipe, is left alone.

    Raises:
        UsageError: there is none, or `--set` is not NAME=VALUE.
        Rejected: it is wrong.
    """
    from labctl.app.lab import Lab

    params = options.params or ()
    made = Lab(options.file, sets=dict(_sets(options.sets or [])), params=params)
    if any(map(_read_once, (made.labfile, *params))):
        return
    run_state.concerns(made)
    verdict = made.validate()
    if not verdict.ok:
        raise Rejected(verdict.errors, verdict.more)


def _read_once(path: str) -> bool:
    return path == "-" or (Path(path).exists() and not Path(path).is_file())


def _sets(words: list[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise UsageError(f"--set {word}: not NAME=VALUE", hint="write it as --set web_count=3")
        yield name, value


def say_where_reached(session: Session, options: Options) -> None:
    """Say from where other programs reach the guests of a user's own libvirt."""
    if any(host.inside for host in session.hosts) and not options.quiet:
        say(
            "note: these addresses are reached inside your own libvirt alone: `labctl rootless exec -- PROGRAM`"
        )


def write(text: str) -> None:
    """Write data to standard output, with a line's end."""
    masked = run_state.masked(text)
    screen.write(sys.stdout, masked if masked.endswith("\n") else f"{masked}\n")


def write_json(value: object) -> None:
    """Write it as JSON. Its texts are masked before: a secret may stand in JSON's own words."""
    screen.write(sys.stdout, f"{json_text(run_state.masked(value), indent=2)}\n")


def write_json_line(value: object) -> None:
    """Write it as JSON on one line, for readers of a stream."""
    screen.write(sys.stdout, f"{json_text(run_state.masked(value))}\n")


def interactive() -> bool:
    """Whether someone is there to answer."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
