"""The seed of a VM: its cloud-init NoCloud ISO (https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html).

cloud-init does most of its work once per instance, so another `cloud_init` means a new instance. The NICs and the keys
are the work of labctl's script in the guest. When they change, the ISO is written again, from which a guest that is off
gets them at its next boot; a running guest gets them through labctl's port. No seed depends on other VMs.
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
    """A NIC in the network-config.

    Only one NIC of a VM has `nameservers` and `search`: with several, the guest's resolver asks only the first.
    """

    name: str
    mac: str
    config: NicConfig = NicConfig()
    nameservers: tuple[IpAddress, ...] = ()
    search: tuple[str, ...] = ()


def network_digest(nics: Iterable[tuple[str, NicConfig]]) -> str:
    """A digest of a seed's NICs, given the MAC and the configuration of each."""
    said = sorted((mac, config.lines) for mac, config in nics)
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


@record
class SeedSpec(Spec):
    """The spec of a seed.

    `cloud_init` is a keyed digest of the user's cloud-config, the login and the hostname, which reveals no secret.
    `network` is the digest of the NICs' configurations. `keyed` is False if the local copies of its keys were lost.
    """

    kind: ClassVar[str] = "seed"
    rank: ClassVar[int] = 5

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
        """Take the wanted digests if someone removed the VM's metadata, which had the existing ones."""
        vm = defined.get(self.owner)
        if vm is None or not vm.unmarked:
            return self
        return replace(self, cloud_init=wanted.cloud_init, network=wanted.network)

    def with_choices(self, existing: Mapping[Address, Spec], comparable: Callable[[str], bool]) -> SeedSpec:
        """Keep an existing digest that was made with a lost key, since it can't be compared."""
        before = existing.get(self.address)
        if isinstance(before, SeedSpec) and before.cloud_init and not comparable(before.cloud_init):
            return replace(self, cloud_init=before.cloud_init)
        return self

    def with_keys(self, fits: Callable[[str, str, str], bool], existing: Mapping[Address, Spec]) -> SeedSpec:
        vm = existing.get(self.owner)
        return replace(self, keyed=vm.with_keys(fits, existing).keyed if vm else True)

    def needs(self) -> tuple[Need, ...]:
        return (Need(addresses.pool(self.lab)),)
