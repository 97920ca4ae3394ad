"""Which libvirt host each object of a lab is on. Nothing else may assume how many hosts there are."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar

from labctl.core.errors import LabctlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from labctl.core.address import Address
    from labctl.host.host import Host


class Addressed(Protocol):
    """A spec, a step, or whatever else has an address."""

    @property
    def address(self) -> Address: ...


A = TypeVar("A", bound=Addressed)
T = TypeVar("T")


class Hosts:
    """The hosts of a lab. Today there is one, which this class alone knows."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def of(self, _address: Address) -> Host:
        """The host that an object is on, or is made on."""
        return self._host

    def __iter__(self) -> Iterator[Host]:
        yield self._host

    @property
    def uri(self) -> str:
        """What stands for all of them where one text is wanted: a plan's connection, an error of the whole lab."""
        return ", ".join(host.uri for host in self)

    @property
    def place(self) -> str:
        """The same as what `-c` has to be given: a user's own libvirt is not told from the system's by its URI."""
        return ", ".join(host.place for host in self)

    def split(self, things: Iterable[A]) -> list[tuple[Host, list[A]]]:
        """Tell things apart by their hosts; hosts that have none of them are left out."""
        every = list(things)
        found = ((host, [each for each in every if self.of(each.address) is host]) for host in self)
        return [(host, mine) for host, mine in found if mine]

    @contextmanager
    def lock(self, what: str, *, wait_s: float = 0.0) -> Iterator[None]:
        """Hold a lock of each host while the block runs.

        All runs take them in the same order, so that no two wait for each other.
        """
        with ExitStack() as held:
            for host in sorted(self, key=lambda host: host.uri):
                held.enter_context(host.lock(what, wait_s=wait_s))
            yield

    def answering(self, look: Callable[[], T]) -> T:
        """What `look` gives; once more where a connection was lost meanwhile, since libvirtd was restarted.

        Raises:
            LabctlError: it failed for another reason, or libvirtd did not come back.
        """
        try:
            return look()
        except LabctlError:
            if not self.reopen():
                raise
            return look()

    def reopen(self) -> bool:
        """Connect anew to the hosts whose connection was lost; gives whether there were any.

        Raises:
            LabctlError: one of them did not come back.
        """
        lost = [host for host in self if host.lost]
        for host in lost:
            host.connection.reopen(host.virt)
        return bool(lost)

    def close(self) -> None:
        for host in self:
            host.close()
