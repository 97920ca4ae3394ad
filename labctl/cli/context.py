"""What the verbs share: options become a session and a sink, and data and words go to their places."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from labctl.cli import run_state
from labctl.core.errors import UsageError
from labctl.core.text import LINES, printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from labctl.app.session import Session
    from labctl.cli.options import Options
    from labctl.core.events import Sink

LABFILE = "Labfile.yaml"


def session(
    options: Options,
    *,
    adopt: bool = False,
    locked: bool = False,
    overcommit: bool = False,
    labfile_optional: bool = False,
) -> Session:
    """The session that the global options ask for; for a session with `labfile_optional` what exists is enough.

    Raises:
        UsageError: there is no Labfile, or `--set` is not NAME=VALUE.
    """
    from labctl.app.session import Session

    source, absent = _path(options.file or "."), None
    try:
        source = labfile(options.file)
    except UsageError as error:
        if not labfile_optional:
            raise
        absent = error
    return Session(
        source=source,
        labfile_optional=labfile_optional,
        absent=absent,
        uri=options.connect,
        sets=dict(_sets(options.sets or [])),
        params=options.params or (),
        adopt=adopt,
        overcommit=overcommit,
        locked=locked,
    )


def labfile(asked: str | None) -> str:
    """The path of the Labfile: what was asked for, else the nearest one in this folder or above, as git looks.

    Raises:
        UsageError: there is none.
    """
    if asked == "-":
        return asked
    if asked is not None:
        path = _path(asked)
        try:
            os.stat(path)
        except FileNotFoundError:
            raise UsageError(
                f"no such file: {path}", hint="`labctl init` writes a Labfile to start from"
            ) from None
        return path
    here = folder = os.getcwd()
    while not os.path.exists(os.path.join(folder, LABFILE)) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    found = os.path.join(folder, LABFILE)
    if not os.path.exists(found):
        raise UsageError(
            f"no {LABFILE} here or in a folder above",
            hint="`labctl init` writes one to start from; -f names another",
        )
    if folder == here:
        return LABFILE
    name = os.path.relpath(found)
    say(f"using {name}")
    return name


def _path(asked: str) -> str:
    """A folder stands for its Labfile."""
    path = os.path.join(asked, LABFILE) if os.path.isdir(asked or ".") else asked
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return path


def _sets(words: list[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals):
            raise UsageError(f"--set {word}: not NAME=VALUE", hint="write it as --set web_count=3")
        yield name, value


def sink(options: Options, secrets: Collection[str] = ()) -> Sink:
    """Where the events of a verb that changes something go; by them `run_state` knows when the first change begins."""
    from labctl.report import choose

    chosen = choose.sink(
        json=options.json,
        quiet=options.quiet,
        verbose=options.verbose,
        colour=options.colour,
        secrets=secrets,
    )
    return run_state.noticed(chosen)


def say(line: str) -> None:
    """Tell the user; data goes to standard output instead."""
    sys.stderr.write(printable(line, LINES) + "\n")


def write(text: str) -> None:
    """Write data to standard output, with a line's end."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def write_json(value: object) -> None:
    import json

    write(json.dumps(value, indent=2, ensure_ascii=False))


def interactive() -> bool:
    """Whether someone is there to answer."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
