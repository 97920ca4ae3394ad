from __future__ import annotations

from typing import Annotated

from labctl.cli import context
from labctl.cli.image import shared
from labctl.cli.options import Options, argument
from labctl.core.errors import UsageError


def run(
    options: Options,
    images: Annotated[
        list[str] | None,
        argument("IMAGE", help="names of recipes; by default all `build:` images of the Labfile"),
    ] = None,
    *,
    arch: shared.Arch = None,
) -> int:
    """Built from this host's own package sources, by mmdebstrap; the result goes into the store."""
    from labctl.app.images import get

    told = shared.sink(options)
    if images:
        connection = shared.connection(options)
        specs = get.recipes(images, arch or connection.capabilities.arch)
    else:
        session = context.session(options)
        connection = session.connection
        specs = [spec for spec in get.of_labfile(session, told) if spec.source == "build"]
        if not specs:
            raise UsageError(
                "the Labfile has no image that is built", hint="name a recipe: `labctl image build debian-12`"
            )
    return get.fetch(connection, specs, told)
