"""The seed of a VM: its cloud-init NoCloud ISO (https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html).

What cloud-init does once per instance counts most: another `cloud_init` means a new instance. The rest, the NICs and
keys that the guest's script sees to, is written anew where it changed, so that a guest that does not run learns it at
its next boot, whoever starts it; one that runs is told through its port. No seed changes because another VM came.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, ClassVar

from labctl.core import identity
from labctl.core.record import field, record, replace
from labctl.core.spec import BriefPart, Effect, Need, Spec, owned
from labctl.guest.nic_config import NicConfig
from labctl.kinds import addresses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from labctl.core.address import Address
    from labctl.core.ip import IpAddress


@record
class SeedNic:
    """A NIC's part of the network-config.

    `nameservers` and `search` stand on one NIC of a VM only: a resolver that has several asks just the first.
    """

    name: str
    mac: str
    config: NicConfig = NicConfig()
    nameservers: tuple[IpAddress, ...] = ()
    search: tuple[str, ...] = ()


def network_digest(nics: Iterable[tuple[str, NicConfig]]) -> str:
    """Stand for what a seed says of NICs, given the MAC and the config of each."""
    said = sorted((mac, config.lines) for mac, config in nics)
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


@record
class SeedSpec(Spec):
    """`cloud_init` stands for the user's cloud-config, user and hostname: a keyed digest, which tells no secret.

    `network` is the digest of its NICs' configs. `keyed` is False where the keys in it were lost here.
    """

    kind: ClassVar[str] = "seed"
    rank: ClassVar[int] = 4

    lab: str
    vm: str
    cloud_init: str | None = owned(Effect.REPLACE, unit="secret", default=None)
    network: str | None = owned(
        Effect.LIVE, unit="digest", default=None, condition="what it says of NICs changed"
    )
    keyed: bool | None = owned(Effect.LIVE, default=None, condition="its keys in .labctl/ were lost")
    instance: str = ""  # cloud-init's instance-id
    config: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    user: str = "lab"
    hostname: str = ""
    nics: tuple[SeedNic, ...] = ()

    @property
    def address(self) -> Address:
        return addresses.seed(self.vm)

    @property
    def volume(self) -> str:
        return f"{self.vm}.{identity.SEED}"

    @property
    def pool_volume(self) -> str:
        return self.volume

    @property
    def owner(self) -> Address:
        return addresses.vm(self.vm)

    def brief(self) -> tuple[BriefPart, ...]:
        return (BriefPart("cloud-init's part"),)

    def completed(self, wanted: SeedSpec, defined: Mapping[Address, Spec]) -> SeedSpec:
        """Its digests are in the mark of its VM, which someone may have removed."""
        vm = defined.get(self.owner)
        if vm is None or not vm.unmarked:
            return self
        return replace(self, cloud_init=wanted.cloud_init, network=wanted.network)

    def with_choices(self, existing: Mapping[Address, Spec], comparable: Callable[[str], bool]) -> SeedSpec:
        """A digest made with a key that was lost stays."""
        before = existing.get(self.address)
        if isinstance(before, SeedSpec) and before.cloud_init and not comparable(before.cloud_init):
            return replace(self, cloud_init=before.cloud_init)
        return self

    def with_keys(self, fits: Callable[[str, str, str], bool], existing: Mapping[Address, Spec]) -> SeedSpec:
        vm = existing.get(self.owner)
        return replace(self, keyed=vm.with_keys(fits, existing).keyed if vm else True)

    def needs(self) -> tuple[Need, ...]:
        return (Need(addresses.pool(self.lab)),)
