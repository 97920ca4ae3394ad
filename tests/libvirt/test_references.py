"""References in what networks say, on the real API."""

from xml.etree import ElementTree as ET

LAB = """\
labfile: 1
name: shop
defaults: {image: none, memory: 64MiB, disk: 1MiB, cloud_init: false}
networks:
  core: {mode: isolated}
  edge:
    mode: isolated
    subnet: 10.90.2.0/24
    dns: {hosts: {api.shop.lab: "${vms.db.core.ip}"}}
    dhcp: {boot: {server: "${networks.core.host}", file: pxelinux.0}}
    gateway: ${vms.web.edge.ip}
vms:
  db: {networks: [core]}
  web: {networks: [{name: edge, ip: 10.90.2.9}]}
  late: {networks: [edge]}
"""


def test_networks_refer_to_addresses_that_labctl_gave(world):
    world.text = LAB
    assert world.run() == 0, world.failures()
    assert not world.plan(), str(world.plan())
    core, edge = (
        ET.fromstring(world.host.virt.networkLookupByName(f"shop.{name}").XMLDesc())
        for name in ("core", "edge")
    )
    host = core.find("ip")
    db = core.find("dns/host")
    assert db.findtext("hostname") == "db"
    assert edge.find("ip/dhcp/bootp").get("server") == host.get("address")
    names = {each.get("ip"): each.findtext("hostname") for each in edge.findall("dns/host")}
    assert names[db.get("ip")] == "api.shop.lab"
    assert names["10.90.2.2"] == "late"


def test_what_follows_from_what_exists_stays_when_the_lab_grows(world):
    """A subnet that labctl chose is kept, and so is what refers to it."""
    world.text = LAB
    world.run()
    world.edit("  db: {networks: [core]}", "  aa: {networks: [core]}\n  db: {networks: [core]}")
    assert {str(step.address): str(step.action) for step in world.plan().steps} == {
        "disk/aa/root": "create",
        "network/core": "update",
        "vm/aa": "create",
    }
    assert world.run() == 0, world.failures()
    assert not world.plan(), str(world.plan())
