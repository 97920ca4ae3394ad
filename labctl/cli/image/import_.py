from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from labctl.cli import arguments, context
from labctl.cli.image import shared
from labctl.cli.options import Options, with_global_options
from labctl.host.hosts import Hosts

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="events")
def run(  # noqa: PLR0913  # the verb's options
    options: Options,
    path: Annotated[str, typer.Argument(metavar="FILE", parser=arguments.path, help="a raw or qcow2 image")],
    name: Annotated[
        str, typer.Argument(metavar="NAME", parser=arguments.name, help="what `image:` calls it from now on")
    ],
    *,
    convert: Annotated[
        bool,
        typer.Option("--convert", help="convert a VMDK, VDI, VHDX or VHD to qcow2 first"),
    ] = False,
    arch: shared.Arch = None,
    firmware: Annotated[
        Literal["bios", "uefi"] | None,
        typer.Option("--firmware", help="if the image boots by only one"),
    ] = None,
) -> int:
    """Put a file into the store under a name.

    The file is copied, and may be removed afterwards.

    Example: `labctl image import disk.qcow2 mine`
    """
    from labctl.app.images import get, names

    names.check(name)
    sink = shared.sink(options)
    host = shared.host(options)
    arch = shared.architecture(arch, host)
    with get.importable(Path(path), sink, convert=convert) as file:
        spec = get.imported(file, name, arch, firmware=firmware or "")
        code = shared.fetch(Hosts(host), [spec], sink)
    if code == 0:
        names.remember(spec, Path(path).name)
        if not (options.quiet or options.json):
            context.say(f"`image: {name}` is that image from now on")
    return code
