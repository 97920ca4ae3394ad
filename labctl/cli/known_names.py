"""The names that a shell completes, from the Labfile and the catalogue: nothing is asked of libvirt.

Whatever is wrong, nothing is offered and nothing is said: a message would land in the line that the user is typing.
"""

from __future__ import annotations

import contextlib
import io
import re
from typing import TYPE_CHECKING

import typer  # noqa: TC002  # typer evaluates the annotations of a function that completes

from labctl.cli.options import Options
from labctl.core.lifecycle import Stage
from labctl.labfile.yaml_tree import path_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from labctl.app.session import Session
    from labctl.labfile.model import LabModel
    from labctl.labfile.resolved import Resolved

_PLAIN = re.compile(r"[A-Za-z0-9_.\[\]:@/-]+")


def vms(ctx: typer.Context) -> list[str]:
    """VMs as written, and their instances."""
    return _of_lab(ctx, _vms)


def instances(ctx: typer.Context) -> list[str]:
    return _of_lab(ctx, lambda lab: (vm.name for vm in lab.vms))


def groups(ctx: typer.Context) -> list[str]:
    return _of_lab(ctx, lambda lab: lab.groups)


def steps(ctx: typer.Context) -> list[str]:
    """Provisioning steps that have a name."""
    return _of_lab(ctx, _steps)


def stages(ctx: typer.Context, incomplete: str) -> list[str]:
    """VM:STAGE, once a VM is named; until then VMs."""
    vm, colon, _ = incomplete.partition(":")
    return [f"{vm}:{stage}" for stage in Stage] if colon else vms(ctx)


def paths(ctx: typer.Context, incomplete: str) -> list[str]:
    """Paths of the Labfile, one name further than what is typed."""
    return _quietly(lambda: _paths(_session(ctx).loaded.resolved, incomplete))


def images(ctx: typer.Context) -> list[str]:
    """Images of the catalogue and of the Labfile."""
    return sorted({*_quietly(_catalogue), *_of_lab(ctx, _labels)})


def _steps(lab: LabModel) -> Iterable[str]:
    every = [*lab.provision, *(step for vm in lab.vms for step in vm.provision)]
    return {step.name for step in every if step.name}


def _of_lab(ctx: typer.Context, names: Callable[[LabModel], Iterable[str]]) -> list[str]:
    return _quietly(lambda: names(_lab(ctx)))


def _paths(resolved: Resolved | None, incomplete: str) -> Iterable[str]:
    above = incomplete.rpartition(".")[0]
    branches = resolved.branches(above) if resolved else []
    found = (path_text(below.path) for branch in branches for below in branch.below())
    return [each for each in found if each.startswith(incomplete)]


def _lab(ctx: typer.Context) -> LabModel:
    return _session(ctx).lab


def _session(ctx: typer.Context) -> Session:
    from labctl.cli import context

    options = Options.of(ctx)
    if options.file == "-":
        raise ValueError("standard input is the shell's")
    return context.session(options)


def _quietly(names: Callable[[], Iterable[str]]) -> list[str]:
    """What a shell may be given: zsh evaluates what it is offered, and keys of a Labfile can be any text."""
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            return sorted({name for name in names() if _PLAIN.fullmatch(name)})
        except Exception:  # noqa: BLE001  # whoever presses Tab wants names, or to go on typing
            return []


def _vms(lab: LabModel) -> Iterable[str]:
    return (name for vm in lab.vms for name in (vm.name, vm.base))


def _labels(lab: LabModel) -> Iterable[str]:
    return (disk.image.name for vm in lab.vms for disk in vm.disks if disk.image and disk.image.name)


def _catalogue() -> Iterable[str]:
    from labctl.kinds.image import catalogue

    return catalogue.entries()
