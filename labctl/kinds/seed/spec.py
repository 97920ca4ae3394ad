"""The seed of a VM: its cloud-init NoCloud ISO (https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html).

Only what cloud-init does once per instance counts: a changed `digest` means a new instance. The network's part may
differ from the ISO's later; then the guest's script is told, and other VMs' seeds never change when a lab grows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from labctl.core import identity
from labctl.core.address import Address
from labctl.core.record import field, record
from labctl.core.spec import Effect, Need, Part, Spec, owned

if TYPE_CHECKING:
    from collections.abc import Mapping


@record
class SeedNic:
    """A NIC's part of the network-config. `lines` are those of `NicUse.guest`; none means DHCP.

    `nameservers` and `search` stand on one NIC of a VM only: a resolver that has several asks just the first.
    """

    name: str
    mac: str
    lines: tuple[str, ...] = ()
    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()


@record
class SeedSpec(Spec):
    """`cloud_init` stands for the user's cloud-config, user and hostname: a keyed digest, which tells no secret."""

    kind: ClassVar[str] = "seed"

    lab: str
    vm: str
    cloud_init: str | None = owned(Effect.REPLACE, unit="secret", default=None)
    instance: str = ""  # cloud-init's instance-id
    config: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    user: str = "lab"
    hostname: str = ""
    nics: tuple[SeedNic, ...] = ()

    @property
    def address(self) -> Address:
        return Address("seed", self.vm)

    @property
    def volume(self) -> str:
        return f"{self.vm}.{identity.SEED}"

    @property
    def owner(self) -> Address:
        return Address("vm", self.vm)

    def brief(self) -> tuple[Part, ...]:
        return (Part("cloud-init's part"),)

    def needs(self) -> tuple[Need, ...]:
        return (Need(Address("pool", self.lab)),)
