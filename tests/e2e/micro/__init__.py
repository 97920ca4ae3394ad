"""The micro guest: busybox, dropbear and the distribution's cloud kernel, up in seconds without KVM."""

from tests.e2e.micro.build import MicroGuest, build

__all__ = ["MicroGuest", "build"]
