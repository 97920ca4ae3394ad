"""Drawings for the tests of those who draw them."""

from labctl.report.drawing import Box, Drawing, Port, Wire

STATES = (
    ("running", True),
    ("running", False),
    ("paused", None),
    ("off", None),
    ("crashed", None),
    ("absent", None),
)
HOSTILE = ('n\\N"]; x [<b>&|`$(id)#35;', '--><script>"\\', "\x1b[31m\n\u202e", "%% x", "a" * 300)


def cluster() -> Drawing:
    """Each state of VMs and networks once."""
    wires = (
        Wire("mgmt", "up", ("nat", "10.1.0.0/24")),
        Wire("storage", "absent", ("isolated", "10.2.0.0/24", "fd00:1:2::/64")),
        Wire("uplink", "up", ("default",), own=False),
        Wire("wan", "down", ("bridge",)),
    )
    boxes = []
    for at, (state, ready) in enumerate(STATES, 1):
        ports = [Port("mgmt", (f"10.1.0.{at}",))] if at < 6 else []
        ports += [Port("storage", (f"10.2.0.{at}", f"fd00:1:2::{at}"))] * (at % 2)
        ports += [Port("wan", (), down=True)] * (at == 1) + [Port("uplink", ("192.168.122.7",))] * (at == 3)
        boxes.append(Box(f"node-{at}", state, ready, tuple(ports)))
    return Drawing("cluster", wires, tuple(boxes))


def hostile() -> Drawing:
    """Names that others may give in libvirt."""
    wires = tuple(Wire(name, "up", (name,)) for name in HOSTILE)
    ports = tuple(Port(name, (name,)) for name in HOSTILE)
    return Drawing(
        HOSTILE[0], wires, tuple(Box(name, "running", ready=True, ports=ports) for name in HOSTILE)
    )
