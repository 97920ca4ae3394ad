"""A libvirt host and its machine as one object: whatever labctl wants of either, it is given this."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from labctl.core.errors import LabctlError
from labctl.host.libvirt import uri
from labctl.host.machine import command, lock
from labctl.host.rootless import outside

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import PurePosixPath

    import libvirt

    from labctl.host.libvirt.capabilities import Capabilities
    from labctl.host.libvirt.connection import Connection


OUTSIDE = "you can't reach the system's libvirt, and your own is reached from inside alone"
INSIDE = "`labctl` goes there by itself; run another program by `labctl rootless exec -- PROGRAM`"


class Host:
    """One libvirt host. Nothing is asked of it before it is needed, and it is connected to once."""

    def __init__(self, asked: str | None = None) -> None:
        """`asked` is the URI that the user named; without one labctl chooses."""
        self.uri, self.why_rootless = uri.choose_uri(asked)

    @cached_property
    def connection(self) -> Connection:
        """The connection, opened when it is first asked for.

        Raises:
            LabctlError: nothing answers there.
        """
        # here and below: these modules import libvirt, which `validate` does without
        from labctl.host.libvirt.connection import Connection

        if self.rootless:
            raise LabctlError(OUTSIDE, where=self.uri, hint=INSIDE)
        return Connection(self.uri)

    @property
    def virt(self) -> Any:  # libvirt-python ships no types
        """The virConnect, another one after the connection was lost and opened anew."""
        return self.connection.virt

    @property
    def lost(self) -> bool:
        """Whether there was a connection, which ended."""
        return "connection" in self.__dict__ and not self.connection.alive(self.virt)

    @cached_property
    def capabilities(self) -> Capabilities:
        from labctl.host.libvirt import capabilities

        return capabilities.look(self.virt, local=self.local)

    @property
    def rootless(self) -> bool:
        """Whether it is the user's own libvirt, and this process is outside of it."""
        return self.uri == uri.ROOTLESS

    @property
    def inside(self) -> bool:
        """Whether it is the user's own libvirt, and this process is inside of it."""
        return self.uri == uri.SYSTEM and outside.inside()

    @property
    def place(self) -> str:
        """What `-c` has to be given to get here from anywhere on this machine."""
        return uri.ROOTLESS if self.inside else self.uri

    @property
    def local(self) -> bool:
        """Whether it is this machine, so that its routes, files and programs are ours to look at."""
        return uri.is_local(self.uri)

    @property
    def boot_limit(self) -> int:
        """How many VMs may boot on it at the same time."""
        return max(4, 2 * self.capabilities.cpus)

    @property
    def pool_root(self) -> PurePosixPath:
        """The folder on it below which the pools of labs live."""
        from labctl.host.libvirt import pools

        return pools.root(self.virt)

    def pool(self, name: str) -> libvirt.virStoragePool:
        """A storage pool that has to be there, started.

        Raises:
            LabctlError: there is none of that name.
        """
        from labctl.host.libvirt import pools

        return pools.require(self.virt, name)

    def lock_name(self, what: str) -> str:
        """The name of a lock of this host: another host's lab of the same name is another lab."""
        return lock.on(self.uri, what)

    def lock(
        self, what: str, *, wait_s: float = 0.0, waiting: Callable[[], object] = lambda: None
    ) -> AbstractContextManager[None]:
        """Hold a lock of this host while the block runs, as `lab shop` (`host.machine.lock.held`)."""
        return lock.held(self.lock_name(what), wait_s=wait_s, waiting=waiting)

    def output(self, *argv: str) -> str | None:
        """What a program prints that runs on this host; None where it fails, is not there, or can't be run."""
        return command.output(*argv) if self.local else None

    def close(self) -> None:
        """End the connection, if there is one."""
        if opened := self.__dict__.pop("connection", None):
            opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
