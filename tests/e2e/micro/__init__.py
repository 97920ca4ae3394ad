"""The micro guest: busybox, dropbear and the distribution's kernel, up in seconds without KVM."""

from tests.e2e.micro.build import MicroGuest, build
from tests.e2e.micro.flavours import AARCH64, CLOUD, FLAVOURS, GENERAL, RISCV64, Flavour

__all__ = ["AARCH64", "CLOUD", "FLAVOURS", "GENERAL", "RISCV64", "Flavour", "MicroGuest", "build"]
