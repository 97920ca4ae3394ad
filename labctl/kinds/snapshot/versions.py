"""The versions of libvirt and its hypervisor: what a snapshot was taken with."""

from __future__ import annotations

from typing import Any


def versions(virt: Any) -> str:  # a virConnect
    """`libvirt 9.0.0, QEMU 7.2.22`."""
    numbers = {"libvirt": virt.getLibVersion(), virt.getType(): virt.getVersion()}
    return ", ".join(
        f"{name} {number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
        for name, number in numbers.items()
    )
