from __future__ import annotations

from typing import Annotated

from labctl.cli import context
from labctl.cli.image import shared
from labctl.cli.options import Locked, Options, argument
from labctl.core.errors import UsageError


def run(
    options: Options,
    images: Annotated[
        list[str] | None, argument("IMAGE", help="names of the catalogue; by default all of the Labfile")
    ] = None,
    *,
    arch: shared.Arch = None,
    locked: Locked = False,
) -> int:
    """Several at once; what was interrupted is resumed."""
    from labctl.app.images import get

    told = shared.sink(options)
    if images and locked:
        raise UsageError(
            "--locked goes with the Labfile's images, not with names", hint="leave one of them out"
        )
    if images:
        connection = shared.connection(options)
        specs = get.named(images, shared.architecture(arch, connection), told)
    else:
        session = context.session(options, locked=locked)
        connection, specs = session.connection, get.of_labfile(session, told)
    return get.fetch(connection, specs, told)
