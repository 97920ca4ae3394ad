from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import context, exits, interruptions, known_names
from labctl.cli.arguments import Trust
from labctl.cli.image import shared
from labctl.cli.options import Options, with_global_options
from labctl.core.errors import UsageError
from labctl.host.hosts import Hosts

if TYPE_CHECKING:
    from labctl.core.events import Sink

From = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="VM", autocompletion=known_names.vms, help="a stopped VM; IMAGE names the new image"
    ),
]
Recipes = Annotated[
    list[str] | None, shared.names("names of recipes; by default all `build:` images of the Labfile")
]
app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="events")
def run(
    options: Options,
    images: Recipes = None,
    *,
    arch: shared.Arch = None,
    from_vm: From = None,
    trust: Trust = False,
) -> int:
    """Build images from packages, or from a VM of the lab.

    mmdebstrap builds them from this host's own package sources, and they go into the store.

    With --from the image is a copy of a VM's disk, without the keys, identity, logs and cloud-init state of that VM.

    Example: `labctl image build debian-12`
    """
    from labctl.app.images import get

    sink = shared.sink(options)
    shared.without_names(images, trust=trust)
    if from_vm is not None:
        return _golden(options, from_vm, images or [], sink)
    if images:
        host = shared.host(options)
        hosts, specs = Hosts(host), get.recipes(images, shared.architecture(arch, host))
    else:
        session = context.session(options, trust=trust)
        hosts = session.hosts
        specs = [spec for spec in get.of_labfile(session, sink) if spec.source == "build"]
        if not specs:
            raise UsageError(
                "the Labfile has no image that is built", hint="name a recipe: `labctl image build debian-12`"
            )
    return shared.fetch(hosts, specs, sink)


def _golden(options: Options, vm: str, names: list[str], sink: Sink) -> int:
    from labctl.app.images import golden

    if len(names) != 1:
        raise UsageError("--from takes one name", hint=f"`labctl image build --from {vm} golden`")
    session = context.session(options)
    with interruptions.asking(session.stop.ask):
        finished = golden.make(session, vm, names[0], sink)
    if finished.ok and not (options.quiet or options.json):
        context.say(f"`image: {names[0]}` is that image from now on")
    return exits.of_ending(finished.ending)
