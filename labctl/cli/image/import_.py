from __future__ import annotations

from pathlib import Path
from typing import Annotated

from labctl.cli import context
from labctl.cli.image import shared
from labctl.cli.options import Options, argument, option
from labctl.core.errors import UsageError


def run(  # noqa: PLR0913  # the verb's options
    options: Options,
    path: Annotated[str, argument("FILE", help="a raw or qcow2 image")],
    name: Annotated[str, argument("NAME", help="what `image:` calls it from now on")],
    *,
    convert: Annotated[
        bool, option("--convert", help="make a qcow2 of a VMDK, VDI, VHDX or VHD, after the same scrutiny")
    ] = False,
    arch: shared.Arch = None,
    firmware: Annotated[
        str | None, option("--firmware", metavar="WHICH", help="bios or uefi, where it boots by one only")
    ] = None,
) -> int:
    """It is copied: the file may go afterwards."""
    from labctl.app.images import get, names

    if firmware not in (None, "bios", "uefi"):
        raise UsageError(f"no firmware is called {firmware}", hint="bios or uefi")
    names.check(name)
    told = shared.sink(options)
    connection = shared.connection(options)
    arch = shared.architecture(arch, connection)
    with get.readable(Path(path), told, convert=convert) as readable:
        spec = get.imported(readable, name, arch, firmware=firmware or "")
        code = get.fetch(connection, [spec], told)
    if code == 0:
        names.remember(spec, Path(path).name)
        if not (options.quiet or options.json):
            context.say(f"`image: {name}` is that image from now on")
    return code
