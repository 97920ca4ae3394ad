from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import context
from labctl.cli.arguments import Locked, Trust
from labctl.cli.image import shared
from labctl.cli.options import Options, with_global_options
from labctl.host.hosts import Hosts

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="events")
def run(
    options: Options,
    images: Annotated[
        list[str] | None, shared.names("names of the catalogue; by default all of the Labfile")
    ] = None,
    *,
    arch: shared.Arch = None,
    locked: Locked = False,
    trust: Trust = False,
) -> int:
    """Fetch images into the store: the Labfile's, or those named.

    Several are fetched at once. An interrupted download is resumed.

    Example: `labctl image pull debian-12`
    """
    from labctl.app.images import get

    sink = shared.sink(options)
    shared.without_names(images, locked=locked, trust=trust)
    if images:
        host = shared.host(options)
        hosts, specs = Hosts(host), get.named(images, shared.architecture(arch, host), sink)
    else:
        session = context.session(options, locked=locked, trust=trust)
        hosts, specs = session.hosts, get.of_labfile(session, sink)
    return shared.fetch(hosts, specs, sink)
