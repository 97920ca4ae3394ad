"""What a driver does when its connection is lost."""

import asyncio
from types import SimpleNamespace
from typing import Self

import libvirt
import pytest

from labctl.core.errors import NotReady
from labctl.kinds.vm.driver import VmDriver
from labctl.kinds.vm.guest_sessions import GuestSessions
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


def test_why_a_vm_is_not_ready_is_told_where_it_can_not_be_noted(monkeypatch):
    """The executor has to learn of it, for it connects again and goes on."""

    async def hangs_up(*_arguments):
        raise NotReady("it hung up")

    monkeypatch.setattr(GuestSessions, "ready", hangs_up)
    step = SimpleNamespace(wanted=VmSpec("shop", "web"))
    with pytest.raises(NotReady, match="it hung up"):
        asyncio.run(VmDriver(Lost(), None).ready(step, None))
