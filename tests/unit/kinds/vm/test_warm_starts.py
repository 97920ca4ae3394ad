"""New VMs with saved memory, which libvirt may refuse."""

import asyncio
from types import SimpleNamespace

import libvirt
import pytest

from labctl.core.events import Diagnostic, Teller
from labctl.core.plan import Action
from labctl.core.record import replace
from labctl.host.libvirt import pools, volumes
from labctl.kinds.vm.disks_and_nics import DiskUse, SavedMemory
from labctl.kinds.vm.driver import VmDriver
from labctl.kinds.vm.guest_sessions import GuestSessions
from labctl.kinds.vm.spec import VmSpec
from labctl.kinds.vm.warm_starts import WarmStarts

SAVED = SavedMemory("/store/_warm.shop.key.memory.web", "26 Nov 12:03", 1 << 20)
WEB = replace(VmSpec("shop", "web"), saved=SAVED)
EXITED = "internal error: qemu unexpectedly closed the monitor: Not a migration stream"


def error(code, message=EXITED):
    made = libvirt.libvirtError(message)
    made.err = (code, 0, message, 2, "", None, None, 0, 0)
    return made


class Libvirt:
    """A libvirt that reads and restores memory, or raises an error; it is its own connection and only domain."""

    def __init__(self):
        self.virt, self.connected, self.active = self, True, False
        self.unreadable, self.refusal = None, None
        self.restored = []

    def alive(self, _virt):
        return self.connected

    def connect(self):
        return self

    def isActive(self):  # noqa: N802  # libvirt's name
        return self.active

    def lookupByUUIDString(self, _uuid):  # noqa: N802  # libvirt's name
        return self

    lookupByName = lookupByUUIDString  # noqa: N815  # libvirt's name

    def state(self):
        return [libvirt.VIR_DOMAIN_RUNNING if self.active else libvirt.VIR_DOMAIN_SHUTOFF, 0]

    def hasManagedSaveImage(self):  # noqa: N802  # libvirt's name
        return 0

    def create(self):
        self.active = True

    def XMLDesc(self, _flags):  # noqa: N802  # libvirt's name
        return "<domain/>"

    def saveImageGetXMLDesc(self, _path, _flags):  # noqa: N802  # libvirt's name
        if self.unreadable:
            raise self.unreadable
        return "<domain><devices/></domain>"

    def restoreFlags(self, path, _text, flags):  # noqa: N802  # libvirt's name
        if self.refusal:
            raise self.refusal
        assert flags == libvirt.VIR_DOMAIN_SAVE_PAUSED
        self.restored.append(path)
        self.active = True


@pytest.fixture
def virt():
    return Libvirt()


@pytest.fixture
def told():
    return []


@pytest.fixture
def tell(told):
    return Teller(told.append, WEB.address, 0.0)


@pytest.fixture
def deleted(monkeypatch):
    """The volumes that were deleted from the store."""
    names = []
    monkeypatch.setattr(pools, "require", lambda _virt, name: name)
    monkeypatch.setattr(volumes, "delete", lambda pool, name: names.append((pool, name)))
    return names


@pytest.mark.parametrize(
    "code", [libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_OPERATION_FAILED]
)
def test_memory_that_is_refused_is_a_warning_and_deleted(virt, told, tell, deleted, code):
    """With these codes libvirt tells that QEMU exited, and that a connection was lost."""
    virt.refusal = error(code)
    warm = WarmStarts(virt)
    warm.bring_back(virt, WEB, SAVED, tell)
    warm.bring_back(virt, WEB, SAVED, tell)
    (warning,) = told
    assert warning == Diagnostic(
        "warning",
        f"vm/web: its saved memory can't be restored, so it boots: {EXITED}",
        "that memory is deleted: after a `labctl destroy`, `labctl up` boots the lab and saves it anew",
    )
    assert not warm.keeps_memory(WEB)
    assert deleted == [("labctl-images", "_warm.shop.key.memory.web")]


def test_a_lost_connection_is_no_refusal(virt, told, tell, deleted):
    """The executor connects again and repeats the start."""
    virt.refusal, virt.connected = error(libvirt.VIR_ERR_INTERNAL_ERROR, "client socket is closed"), False
    warm = WarmStarts(virt)
    with pytest.raises(libvirt.libvirtError):
        warm.bring_back(virt, WEB, SAVED, tell)
    virt.refusal, virt.connected = None, True
    warm.bring_back(virt, WEB, SAVED, tell)
    assert (virt.restored, warm.keeps_memory(WEB)) == ([SAVED.path], True)
    assert (told, deleted) == ([], [])


def test_a_vm_that_came_back_although_the_connection_was_lost_keeps_its_memory(virt, tell):
    virt.active = True
    warm = WarmStarts(virt)
    warm.bring_back(virt, WEB, SAVED, tell)
    assert (virt.restored, warm.keeps_memory(WEB)) == ([], True)


def test_memory_comes_back_once_in_a_run(virt, tell):
    """The guest went on, wrote to its disks and powered off before the start was repeated."""
    warm = WarmStarts(virt)
    warm.bring_back(virt, WEB, SAVED, tell)
    virt.active = False
    warm.bring_back(virt, WEB, SAVED, tell)
    assert virt.restored == [SAVED.path]


def test_a_vm_whose_memory_can_not_be_read_is_defined_without_a_past(virt):
    virt.unreadable = error(libvirt.VIR_ERR_OPERATION_FAILED, "image magic is incorrect")
    assert WarmStarts(virt).past(SAVED) is None
    virt.connected = False
    with pytest.raises(libvirt.libvirtError):
        WarmStarts(virt).past(SAVED)


@pytest.mark.parametrize("refused", [True, False])
def test_only_a_vm_that_goes_on_is_followed_as_one_with_a_past(virt, tell, deleted, monkeypatch, refused):
    """One that boots is not told that its random numbers are those of another restore."""
    followed = []

    async def booted(_self, _spec, _tell, _before, *, keeps_memory, unchanged):
        assert not unchanged, "a new VM gets the host names, which its seed does not have"
        followed.append(keeps_memory)

    monkeypatch.setattr(GuestSessions, "booted", booted)
    virt.refusal = error(libvirt.VIR_ERR_INTERNAL_ERROR) if refused else None
    driver = VmDriver(SimpleNamespace(connection=virt), None)
    step = SimpleNamespace(
        action=Action.CREATE, wanted=replace(WEB, disks=(DiskUse(name="seed", source="/pool/web.seed"),))
    )
    driver.start(step, tell)
    asyncio.run(driver.booted(step, tell))
    assert followed == [not refused]
    assert len(deleted) == refused
