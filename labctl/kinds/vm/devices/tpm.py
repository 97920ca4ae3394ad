"""An emulated TPM 2.0: https://libvirt.org/formatdomain.html#tpm-device."""

from __future__ import annotations

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Fixed, Property


@record
class Tpm:
    """A TPM; `model` is its interface to the guest, `tpm-crb` or `tpm-tis`."""

    model: str


TPM = Declaration(
    "devices/tpm",
    Tpm,
    Property("model", "@model"),
    Fixed("backend/@type", "emulator"),
    Fixed("backend/@version", "2.0"),
)
