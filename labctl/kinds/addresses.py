"""The addresses of objects, a function a kind.

Kinds do not import one another, and what one object needs may be of another kind: so its address is made here.
"""

from __future__ import annotations

from labctl.core.address import Address


def pool(lab: str) -> Address:
    """The pool of a lab's volumes."""
    return Address("pool", lab)


def image(label: str) -> Address:
    return Address("image", label)


def network(name: str) -> Address:
    return Address("network", name)


def seed(vm: str) -> Address:
    """The seed of a VM."""
    return Address("seed", vm)


def disk(name: str) -> Address:
    """A VM's own disk, `web-1/root`, or one of the lab, `shared`."""
    return Address("disk", name)


def provision(vm: str, place: int) -> Address:
    """A provisioning step of a VM by its place, from 1: `provision/web-1/2`. Without a VM it is one of the lab."""
    return Address("provision", f"{vm}/{place}" if vm else str(place))


def snapshot(name: str) -> Address:
    """A snapshot of the lab."""
    return Address("snapshot", name)


def warm(lab: str) -> Address:
    """The warm state of a lab."""
    return Address("warm", lab)


def vm(name: str) -> Address:
    return Address("vm", name)


def folder(vm: str, target: str) -> Address:
    """A folder of the host in a VM, by where the guest has it: `folder/web-1/srv/app`."""
    return Address("folder", f"{vm}{target}")


def forward(name: str) -> Address:
    """A forward of the host's port 8080 to a VM: `web/8080`."""
    return Address("forward", name)
