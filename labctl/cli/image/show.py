from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli import context
from labctl.cli.image import shared
from labctl.cli.options import Options, with_global_options
from labctl.core.closest_matches import closest_matches
from labctl.core.errors import UsageError
from labctl.core.size import format_size
from labctl.kinds.image.spec import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.app.images.catalogue import Row
    from labctl.kinds.image.catalogue import Entry

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="images")
def run(
    options: Options,
    image: Annotated[str, shared.names("its name", metavar="IMAGE")],
) -> int:
    """Show everything about one image.

    Example: `labctl image show debian-12`
    """
    from labctl.app.images.catalogue import FORMAT, images

    every = images(shared.host(options))
    rows = [row for row in every if row.name == image]
    if not rows:
        near = closest_matches(image, [row.name for row in every], 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`labctl image list` shows them"
        raise UsageError(f"no image is called {image}", hint=hint)
    if options.json:
        document = [row.to_json() | {"catalogue": _entry(row.entry) if row.entry else None} for row in rows]
        context.write_json({"format": FORMAT, "images": document})
        return 0
    lines = [(name, text) for row in rows for name, text in _lines(row) if text]
    width = max(len(name) for name, _ in lines)
    context.write("\n".join(f"{name:<{width}}  {text}" for name, text in lines))
    return 0


def _lines(row: Row) -> Iterator[tuple[str, str]]:
    yield "image", row.name
    if entry := row.entry:
        yield "what it is", entry.description
        yield "note", entry.note
        for arch in entry.architectures:
            digest = shown(entry.digests.get(arch, ""))
            yield arch, entry.urls.get(arch, "") or digest or "built from packages"
            yield "  checksums", entry.checksums.get(arch, "")
            yield "  digest", digest if arch in entry.urls else ""
            yield "  console", entry.console_of(arch)
            yield "  firmware", entry.firmware_of(arch) or "bios or uefi"
        needs = [format_size(entry.memory) + " of memory"] * bool(entry.memory)
        needs += [format_size(entry.disk) + " of disk"] * bool(entry.disk)
        needs += [f"a CPU of {entry.cpu}"] * bool(entry.cpu)
        yield "needs", ", ".join(needs)
        yield "its own login", entry.user
        where = ", where it can't be downloaded" if entry.urls else ""
        yield "built by", f"the recipe {entry.build}{where}" if entry.build else ""
        yield "stated in", entry.file
        yield "checked against", entry.source
    if stored := row.stored:
        spec = stored.spec
        yield "in the store", shown(spec.key)
        yield "  from", spec.origin
        yield "  size", f"{format_size(spec.size or 0)}, {format_size(stored.bytes)} on disk"
        yield "  boots", "by its own kernel, without a boot loader" if spec.direct else ""
        yield "  used by", ", ".join(stored.users) or "nothing"
    else:
        can_be_had = row.entry and (row.entry.urls or row.entry.build)
        yield "in the store", f"no: `labctl image {'pull' if can_be_had else 'import FILE'} {row.name}`"


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "urls": dict(entry.urls),
        "checksums": dict(entry.checksums),
        "digests": {arch: shown(key) for arch, key in entry.digests.items()},
        "memory_bytes": entry.memory,
        "disk_bytes": entry.disk,
        "firmware": entry.firmware or None,
        "console": {arch: entry.console_of(arch) for arch in entry.architectures},
        "cpu": entry.cpu or None,
        "user": entry.user or None,
        "build": entry.build or None,
        "note": entry.note or None,
        "source": entry.source or None,
        "file": entry.file,
    }
