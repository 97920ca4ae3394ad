"""The states and stages of a VM. What leads from one state to another is in `kinds.vm.transitions`.

A state is what libvirt says of a domain now. A stage is how far a VM has come since it was made, for others that wait.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """What a domain is doing."""

    RUNNING = "running"
    PAUSED = "paused"
    OFF = "off"
    CRASHED = "crashed"  # its guest panicked, and QEMU keeps it for a look (`on_crash: preserve`)
    SAVED = "saved"  # it does not run, and libvirt goes on with its saved memory at the next start


ACTIVE = frozenset((State.RUNNING, State.PAUSED, State.CRASHED))  # QEMU holds its memory and its devices


class Stage(StrEnum):
    """How far a VM has come, in order; `depends_on` can wait for any of these.

    It is booted when its cloud-init has ended, provisioned when its provisioners have, and ready when its `ready`
    conditions are met.
    """

    CREATED = "created"
    STARTED = "started"
    BOOTED = "booted"
    PROVISIONED = "provisioned"
    READY = "ready"
