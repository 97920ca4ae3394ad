"""Draws a lab as the Labfile has it and as it is. Pictures are made by Graphviz."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from labctl.core.address import natural_sort_key
from labctl.core.errors import LabctlError, Rejected, UsageError
from labctl.host.machine import command
from labctl.report import sketch
from labctl.report.drawing import ABSENT, Box, Drawing, Format, Port, Wire
from labctl.report.sketch import PLAIN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from labctl.app.session import Session
    from labctl.app.status import Row, Status
    from labctl.labfile.model import LabModel, Network, Vm
    from labctl.report.sketch import Style

DRAWN_S = 60.0


def format_of(name: str) -> Format:
    """The format of this name.

    Raises:
        UsageError: there is none.
    """
    try:
        return Format(name)
    except ValueError:
        raise UsageError(f"graph has no format {name}", hint=f"it has {', '.join(Format)}") from None


def look(session: Session) -> Drawing:
    """The lab as the Labfile has it and as it is; what is not there yet is absent.

    Raises:
        LabctlError: libvirt does not answer, or there is neither a Labfile nor a lab that was made from one.
    """
    from labctl.app.status import status

    found = status(session)
    try:
        lab = session.lab
    except (Rejected, UsageError):  # `found` says so in a note
        return draw(found, None)
    return draw(found, lab)


def draw(found: Status, lab: LabModel | None) -> Drawing:
    """Put together what exists and what the Labfile says."""
    vms = {vm.name: vm for vm in lab.vms} if lab else {}
    networks = lab.networks if lab else ()
    outside = {net.external: net.name for net in networks if net.external}
    boxes = tuple(_box(row, vms.get(row.name), outside) for row in found.rows)
    return Drawing(found.lab, _wires(found, networks, boxes), boxes, found.notes)


def _box(row: Row, vm: Vm | None, outside: Mapping[str, str]) -> Box:
    """A VM; `outside` gives the Labfile's names of libvirt's networks outside the lab."""
    ports: Iterable[Port] = ()
    if row.seen:
        seen = ((outside.get(nic.network, nic.network), nic) for nic in row.seen.nics)
        ports = (Port(name, tuple(map(str, nic.ips)), nic.link == "down") for name, nic in seen)
    elif vm:
        written = ((nic, [str(ip) for ip in (nic.ip, nic.ip6) if ip]) for nic in vm.nics)
        ports = (Port(nic.network, tuple(ips), nic.link == "down") for nic, ips in written)
    return Box(row.name, row.state, row.ready if row.seen else None, tuple(ports))


def _wires(found: Status, named: Sequence[Network], boxes: Iterable[Box]) -> tuple[Wire, ...]:
    wires = {
        net.name: Wire(net.name, "up" if net.active else "down", (net.mode, *net.subnets))
        for net in found.networks
    }
    for net in named:
        if net.external:
            wires[net.name] = Wire(
                net.name, "up", (net.external,) if net.external != net.name else (), own=False
            )
        subnets = tuple(str(each) for each in (net.subnet, net.ipv6) if each and not isinstance(each, bool))
        wires.setdefault(net.name, Wire(net.name, ABSENT, (net.mode, *subnets)))
    for port in (port for box in boxes for port in box.ports):
        wires.setdefault(port.network, Wire(port.network, "up", (), own=False))
    return tuple(sorted(wires.values(), key=lambda wire: natural_sort_key(wire.name)))


def made(drawing: Drawing, format_: Format, style: Style = PLAIN) -> str | bytes:
    """The drawing as a text, or as the bytes of a picture. The style is that of the format text.

    Raises:
        LabctlError: this machine has no Graphviz, which pictures need, or it fails or hangs.
    """
    from labctl.report import dot, mermaid

    if format_ is Format.TEXT:
        return sketch.render(drawing, style)
    if format_ is Format.MERMAID:
        return mermaid.render(drawing)
    text = dot.render(drawing)
    return text if format_ is Format.DOT else picture(text, format_)


def picture(text: str, format_: Format) -> bytes:
    """The picture, as svg or png, of a text in Graphviz's language.

    Raises:
        LabctlError: this machine has no Graphviz, or it fails or hangs.
    """
    tool = command.path("dot")
    if tool is None:
        raise LabctlError(
            f"a picture as {format_} is made by Graphviz's dot, which this machine lacks",
            hint="install the package graphviz, or take --format text, mermaid or dot, which need nothing",
        )
    try:
        done = subprocess.run(
            [tool, f"-T{format_}"], input=text.encode(), capture_output=True, check=False, timeout=DRAWN_S
        )
    except subprocess.TimeoutExpired as error:
        raise LabctlError(
            f"dot did not end in {DRAWN_S:.0f} s", hint="--format mermaid needs no dot"
        ) from error
    if done.returncode != 0 or not done.stdout:
        said = done.stderr.decode(errors="replace").strip()
        raise LabctlError(f"dot failed ({done.returncode}): {said[-500:]}")
    return done.stdout
