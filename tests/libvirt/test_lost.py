"""What a driver does when its connection is lost."""

import asyncio
from typing import Self

import libvirt
import pytest

from labctl.core.errors import NotReady
from labctl.kinds.vm.driver import VmDriver
from labctl.kinds.vm.spec import VmSpec


class Lost:
    """A connection that ended meanwhile."""

    def __init__(self) -> None:
        self.virt = libvirt.open("test:///default")
        self.virt.close()

    @property
    def connection(self) -> Self:
        return self

    async def call(self, work, *args):
        return work(*args)


def test_why_a_vm_is_not_ready_is_told_where_it_can_not_be_noted():
    """The executor has to learn of it, for it connects again and goes on."""
    driver = VmDriver(Lost(), None)

    async def hangs_up():
        async with driver._explained(VmSpec("shop", "web")):
            raise NotReady("it hung up")

    with pytest.raises(NotReady, match="it hung up"):
        asyncio.run(hangs_up())
