"""The states and stages of a VM. The transitions between states are in `kinds.vm.transitions`.

A state is the current state of the domain in libvirt. A stage says how far a VM has come since its creation; other VMs
can wait for it.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """The state of a domain."""

    RUNNING = "running"
    PAUSED = "paused"
    OFF = "off"
    CRASHED = "crashed"  # the guest panicked, and libvirt preserves the domain (`on_crash: preserve`)
    SAVED = "saved"  # not running; the next start restores its saved memory


ACTIVE = frozenset((State.RUNNING, State.PAUSED, State.CRASHED))  # QEMU holds its memory and its devices


class Stage(StrEnum):
    """The stages of a VM, in order. `depends_on` can wait for each of them.

    A VM is booted when cloud-init has ended, provisioned when its provisioners have ended, and ready when its `ready`
    conditions are met.
    """

    CREATED = "created"
    STARTED = "started"
    BOOTED = "booted"
    PROVISIONED = "provisioned"
    READY = "ready"
