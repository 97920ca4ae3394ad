"""What a look at libvirt gives, for tests of those who look."""

from labctl.core.ip import parse_addresses
from labctl.engine import overview
from labctl.engine.overview import Overview
from labctl.kinds.network.overview import NetworkOverview
from labctl.kinds.vm.overview import NicOverview, VmOverview

LABFILE = """\
labfile: 1
name: shop
defaults: {image: none, cloud_init: false}
networks: {front: {subnet: 10.0.0.0/24}}
vms: {web: {count: 2, networks: [front]}, db: {networks: [front]}}
"""
GIB = 1 << 30


def vm(name="web-1", state="running", nics=(("front", "10.0.0.2"),), **more) -> VmOverview:
    fields = {
        "lab": "shop",
        "base": name.partition("-")[0],
        "file": "/x/Labfile.yaml",
        "user": "lab",
        "ready": state == "running",
        "awaited": True,
        "cpus": 1,
        "memory": GIB,
        "disks": ("root",),
        "libvirt_name": f"shop.{name}",
        "seeded": True,
    }
    made = tuple(NicOverview(network, "52:54:00:00:00:01", parse_addresses([ip])) for network, ip in nics)
    return VmOverview(name=name, state=state, nics=made, **(fields | more))


def network(name="front", host=("10.0.0.1",), *, active=True) -> NetworkOverview:
    return NetworkOverview(name, "shop", "/x/Labfile.yaml", "nat", ("10.0.0.0/24",), host, active=active)


def seen(monkeypatch, *vms, networks=None):
    found = Overview(list(vms), [network()] if networks is None else list(networks))
    monkeypatch.setattr(overview, "look", lambda *_, **_how: found)
