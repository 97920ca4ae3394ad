"""The seed of a VM: its cloud-init NoCloud ISO (https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html).

Only what cloud-init does once per instance counts: a changed `digest` means a new instance. The network's part may
differ from the ISO's later; then the guest's script is told, and other VMs' seeds never change when a lab grows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from labctl.core.address import Address
from labctl.core.spec import Effect, Need, Spec, owned

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class SeedSpec(Spec):
    """`digest` is a keyed digest of the user-data, so that it tells nothing of the secrets in it.

    `files` maps the ISO's file names (`user-data`, `meta-data`, `network-config`) to their text.
    """

    kind: ClassVar[str] = "seed"

    lab: str
    vm: str
    digest: str = owned(Effect.REPLACE)
    files: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def address(self) -> Address:
        return Address("seed", self.vm)

    @property
    def volume(self) -> str:
        return f"{self.vm}.seed"

    def needs(self) -> tuple[Need, ...]:
        return (Need(Address("pool", self.lab)),)
