"""What a VM waits for, on the real API."""

LAB = """\
labfile: 1
name: shop
defaults: {image: none, memory: 64MiB, disk: 1MiB}
groups: {late: {children: [node-1]}}
vms:
  node: {count: 2, instances: {1: {state: off}}, depends_on: {web: created}}
  web: {depends_on: {late: created, node-2: ready}}
"""


def test_a_vm_waits_until_another_is_created_and_no_longer(world):
    """Two VMs that wait for each other's creation and start are no circle."""
    world.text = LAB
    assert world.run() == 0, world.failures()
    assert [world.domain(name).isActive() for name in ("node-1", "node-2", "web")] == [0, 1, 1]
    assert not world.plan(), str(world.plan())
