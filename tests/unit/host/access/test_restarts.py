"""Restarts of guests, without a guest."""

import asyncio

import libvirt
import pytest

from labctl.core.errors import LabctlError
from labctl.guest.protocol import HELLO, GuestState
from labctl.host.access import restarts
from labctl.host.access.transport import Completed


async def done(seconds=0.0):
    await asyncio.sleep(seconds)
    return "done"


def test_work_that_ends_is_what_it_gave():
    assert asyncio.run(restarts.unless(asyncio.Event(), done(), "")) == "done"


def test_work_is_given_up_once_the_guest_restarts():
    ended = []

    async def long():
        try:
            await asyncio.sleep(600)
        finally:
            ended.append("cancelled")

    async def run():
        restarted = asyncio.Event()
        asyncio.get_running_loop().call_soon(restarted.set)
        await restarts.unless(restarted, long(), "so")

    with pytest.raises(LabctlError, match="its guest restarted while this ran") as caught:
        asyncio.run(run())
    assert (caught.value.hint, ended) == ("so", ["cancelled"])


class Virt:
    """A libvirt that tells of restarts on a thread of its own, as libvirt's does."""

    def __init__(self):
        self.callbacks = {}

    def lookupByName(self, name):  # noqa: N802  # libvirt's name
        return name

    def domainEventRegisterAny(self, domain, number, callback, _opaque):  # noqa: N802  # libvirt's name
        self.callbacks[number] = (domain, callback)
        return number

    def domainEventDeregisterAny(self, number):  # noqa: N802  # libvirt's name
        del self.callbacks[number]


class Connection:
    uri = "qemu:///system"

    def __init__(self):
        self.virt = Virt()

    def watch(self):
        """Nothing to keep alive."""

    async def call(self, function, *arguments):
        return await asyncio.to_thread(function, *arguments)


def test_a_restart_is_told_by_libvirt_of_this_domain_alone():
    connection = Connection()

    async def run():
        async with restarts.watched(connection, "shop.web") as restarted:
            domain, callback = connection.virt.callbacks[libvirt.VIR_DOMAIN_EVENT_ID_REBOOT]
            assert (domain, restarted.is_set()) == ("shop.web", False)
            await asyncio.to_thread(callback, None, domain, None)
            await asyncio.wait_for(restarted.wait(), 10)

    asyncio.run(run())
    assert not connection.virt.callbacks


class Port:
    """A guest's port: it has the next of these states whenever it is asked."""

    over = False
    ended = LabctlError("it hung up")

    def __init__(self, *states):
        self.states, self.asked = list(states), 0
        self.state = self.states.pop(0)

    async def renewed(self):
        """It is new enough."""

    def send(self, line):
        assert line == HELLO
        self.asked += 1
        if self.states:
            self.state = self.states.pop(0)
        else:
            self.over = True


@pytest.fixture
def restart(monkeypatch):
    """Restarts the guest of a port. Its command answers so, or never, and the guest goes down or not."""
    monkeypatch.setattr(restarts, "ASK_S", 0.0)

    def run(port, answer=None, *, goes_down=True):
        async def restarting():
            restarted = asyncio.Event()
            restarted.set()  # it has restarted before

            class Way:
                def __init__(self, _port):
                    """It needs none."""

                async def run(self, _text, **_options):
                    if goes_down:
                        asyncio.get_running_loop().call_soon(restarted.set)
                    return answer or await asyncio.sleep(600)

            monkeypatch.setattr(restarts, "PortTransport", Way)
            await restarts.restart(port, restarted)

        asyncio.run(restarting())

    return run


OLD, NEW = (GuestState("done", boot_id=name) for name in ("old", "new"))
BOOTING = GuestState("init", boot_id="new")


@pytest.mark.parametrize("answer", [None, *(Completed(code, b"", b"") for code in (0, 1, 143))])
def test_a_guest_is_back_once_another_boot_is_done(restart, answer):
    port = Port(OLD, OLD, GuestState("done"), BOOTING, NEW)
    restart(port, answer)
    assert port.asked == 4


def test_a_guest_that_can_t_restart_says_why(restart):
    with pytest.raises(LabctlError, match="its guest can't restart: it has no program `reboot`"):
        restart(Port(OLD, OLD, NEW), Completed(127, b"", b""), goes_down=False)


def test_a_vm_that_stops_instead_is_told(restart):
    with pytest.raises(LabctlError, match="it hung up"):
        restart(Port(OLD, OLD))


@pytest.mark.parametrize(
    ("limit", "goes_down", "told"), [("DOWN_S", False, "not restart"), ("BACK_S", True, "not come back")]
)
def test_its_time_is_bounded(restart, monkeypatch, limit, goes_down, told):
    monkeypatch.setattr(restarts, limit, 0.01)
    with pytest.raises(LabctlError, match=f"its guest did {told} within 0 minutes") as error:
        restart(Port(*[OLD] * 100_000), goes_down=goes_down)
    assert "`labctl reload`" in error.value.hint
