"""Forwards in few words."""

from labctl.core.endpoint import Endpoint
from labctl.kinds.forward.overview import ForwardOverview
from labctl.report.forwardtext import shown


def forward(listens, to, protocol="tcp", *, alive=True):
    return ForwardOverview(Endpoint.parse(listens), to, protocol, alive)


def test_consecutive_ports_share_a_text():
    found = [
        *(forward(f"127.0.0.1:{port}", f"10.0.0.2:{port - 7900}") for port in (8000, 8001, 8002)),
        forward("127.0.0.1:8003", "10.0.0.2:80"),
        forward("127.0.0.1:8004", "10.0.0.2:81", alive=False),
        forward("[::1]:53", "10.0.0.2:53", "udp"),
    ]
    assert shown(found) == [
        "127.0.0.1:8000-8002 → 100-102",
        "127.0.0.1:8003 → 80",
        "127.0.0.1:8004 → 81 (not running)",
        "[::1]:53/udp → 53",
    ]
