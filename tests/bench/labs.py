"""The labs of the bench."""

from tests.e2e.micro import build


def micro(count: int, memory: str = "160MiB", step: str = "") -> str:
    """Micro guests, with a shell step that each of them runs."""
    guest = build()
    provision = f'    provision: [{{shell: "{step}"}}]\n' if step else ""
    return f"""\
labfile: 1
name: bench
networks: {{front: {{subnet: 10.77.0.0/24}}}}
vms:
  guest:
    count: {count}
    image: {guest.image}
    memory: {memory}
    boot: {{kernel: {guest.kernel}, initrd: {guest.initrd}, cmdline: {guest.cmdline}}}
    networks: [front]
{provision}"""


def defined(count: int) -> str:
    return f"""\
labfile: 1
name: many
networks: {{front: {{subnet: 10.77.0.0/16}}}}
vms:
  vm: {{count: {count}, image: none, cloud_init: false, disk: 1MiB, memory: 64MiB, state: off, networks: [front]}}
"""


def large(count: int) -> str:
    vms = "".join(
        f"  vm-{number}:\n    memory: 1MiB\n    disk: 1MiB\n    networks: [front, back]\n"
        for number in range(count)
    )
    return f"""\
labfile: 1
name: large
defaults: {{image: none, cloud_init: false}}
networks: {{front: {{subnet: 10.70.0.0/16}}, back: {{mode: isolated, subnet: 10.71.0.0/16}}}}
vms:
{vms}"""


def networks(count: int) -> str:
    """As many networks as VMs, which are not started."""
    names = "".join(f"  n{number}: {{mode: isolated}}\n" for number in range(count))
    vms = "".join(f"  v{number}: {{networks: [n{number}]}}\n" for number in range(count))
    return f"""\
labfile: 1
name: wide
defaults: {{image: none, cloud_init: false, memory: 32MiB, state: off}}
networks:
{names}vms:
{vms}"""
