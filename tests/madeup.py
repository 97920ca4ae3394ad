"""Libvirt hosts that only have what a test gives them, and labs on several hosts."""

from collections.abc import Collection, Iterator
from types import SimpleNamespace

from labctl.core.address import Address
from labctl.host.host import Host
from labctl.host.hosts import Hosts


class MadeUpHost(SimpleNamespace):
    """Told from other hosts as real ones are: by which it is, not by what it has."""

    uri = "qemu:///system"
    inside = False
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


class MadeUpHosts(Hosts):
    """Two hosts: objects of the names `elsewhere` are on the second, all others on the first."""

    def __init__(self, first: Host, second: Host, elsewhere: Collection[str] = ()) -> None:
        super().__init__(first)
        self._second, self._elsewhere = second, elsewhere

    def of(self, address: Address) -> Host:
        return self._second if address.name in self._elsewhere else super().of(address)

    def __iter__(self) -> Iterator[Host]:
        yield from super().__iter__()
        yield self._second
