"""What the verbs of `labctl image` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli import arguments, context, exits, interruptions, known_names, prompts, run_state, sinks
from labctl.cli.options import Options
from labctl.core.errors import UsageError
from labctl.core.stop import Stop
from labctl.labfile.absolute_path import absolute_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.core.events import Sink
    from labctl.host.host import Host
    from labctl.host.hosts import Hosts
    from labctl.kinds.image.spec import ImageSpec

Arch = Annotated[
    str | None, typer.Option("--arch", metavar="ARCH", help="x86_64 or aarch64; by default the host's")
]


def names(help: str, metavar: str = "IMAGE...") -> Any:  # noqa: A002  # typer's name
    """The argument that names images, which a shell completes."""
    return typer.Argument(
        metavar=metavar, parser=arguments.name, autocompletion=known_names.images, help=help
    )


def host(options: Options) -> Host:
    """The libvirt host that has the image store. No Labfile is needed."""
    from labctl.host.host import Host

    return Host(options.connect)


def architecture(asked: str | None, host: Host) -> str:
    """The architecture that was asked for, else the host's.

    Raises:
        UsageError: labctl has no images for this architecture.
    """
    from labctl.kinds.image.catalogue import ARCHITECTURES

    arch = asked or host.capabilities.arch
    if arch not in ARCHITECTURES:
        whose = "" if asked else ", that of this libvirt host"
        hint = " or ".join(f"--arch {each}" for each in ARCHITECTURES)
        raise UsageError(f"there are no images for the architecture {arch}{whose}", hint=hint)
    return arch


def sink(options: Options) -> Sink:
    """The sink of a verb that puts images into the store."""
    run_state.start("image")
    return sinks.sink(options)


def without_names(images: Iterable[str] | None, **given: bool) -> None:
    """Refuse options that are about the Labfile beside names of images.

    Raises:
        UsageError: there is such a one.
    """
    for option, is_given in given.items():
        if images and is_given:
            raise UsageError(
                f"--{option} goes with the Labfile's images, not with names", hint="leave one of them out"
            )


def fetch(hosts: Hosts, specs: Iterable[ImageSpec], sink: Sink) -> int:
    """Put images into the store, unless they are there, and give the exit code."""
    from labctl.app.images import get

    stop = Stop()
    with interruptions.asking(stop.ask):
        return exits.of_ending(get.fetch(hosts, specs, sink, stop).ending)


def labfile_here(options: Options) -> Path | None:
    """The Labfile of -f or of the current folder; None if there is none.

    Raises:
        UsageError: -f names a file that does not exist.
    """
    from labctl.app import labfile_path

    try:
        return Path(absolute_path(labfile_path.find(options.file)))
    except UsageError:
        if options.file is not None:
            raise
        return None


def confirmed(question: str, *, yes: bool, verb: str) -> bool:
    """Ask before something is removed.

    Raises:
        UsageError: there is no terminal to ask on.
    """
    if yes:
        return True
    if not context.interactive():
        raise UsageError(
            "there is no terminal to ask on; nothing was changed",
            hint=f"`labctl image {verb} --yes` does it without asking",
        )
    return prompts.agreed(question)
