"""The driver of VMs, with no libvirt behind it."""

import asyncio
from types import SimpleNamespace

import pytest

from labctl.core.address import Address
from labctl.core.diff import Change
from labctl.core.errors import LabctlError
from labctl.core.lifecycle import State
from labctl.core.plan import REPLACED, Action
from labctl.core.record import replace
from labctl.core.spec import Effect
from labctl.kinds.vm.disks_and_nics import UNTOLD, DiskUse
from labctl.kinds.vm.driver import VmDriver
from labctl.kinds.vm.filesystems import FilesystemUse
from labctl.kinds.vm.guest_sessions import GuestSessions
from labctl.kinds.vm.spec import VmSpec
from tests.composed import specs

LIVE = Effect.LIVE


def test_a_folder_that_is_a_link_by_now_is_neither_given_to_a_vm_nor_served(tmp_path):
    """The program that serves it is root, and follows it."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("/")
    web = specs({"vms": {"web": {"image": "debian-12"}}})[Address("vm", "web")]
    made = []
    domain = SimpleNamespace(create=lambda: made.append("started"), state=lambda: (5, 0), hasManagedSaveImage=bool,
                             autostart=bool)  # fmt: skip
    virt = SimpleNamespace(
        lookupByUUIDString=lambda _uuid: domain,
        lookupByName=None,
        defineXML=lambda _xml: made.append("defined") or domain,
    )
    keys = SimpleNamespace(mark=lambda _vm: "")
    driver = VmDriver(SimpleNamespace(connection=SimpleNamespace(virt=virt), virt=virt), keys)
    for name in ("link", "link/tmp"):
        use = FilesystemUse("labctl-1", f"{tmp_path}/{name}")
        step = SimpleNamespace(wanted=replace(web, filesystems=(use,)))
        for act in (driver.create, driver.start):
            with pytest.raises(LabctlError, match="leads to another place"):
                act(step, None)
    assert not made
    use = FilesystemUse("labctl-1", str((tmp_path / "real").resolve()))
    step = SimpleNamespace(wanted=replace(web, filesystems=(use,)))
    driver.start(step, SimpleNamespace(stage=lambda _stage: None))
    assert made == ["started"]


@pytest.mark.parametrize(
    ("changes", "unchanged"),
    [
        ([Change("state", "paused", "running", LIVE), Change("ready", "no", "yes", LIVE)], True),
        (
            [Change("state", "paused", "running", LIVE), Change("nics", "", "front", LIVE, drift=UNTOLD)],
            False,
        ),
        ([Change("state", "paused", "running", LIVE), Change("network/front", "", REPLACED, LIVE)], False),
    ],
)
def test_only_a_vm_of_which_nothing_else_changes_knows_all(monkeypatch, changes, unchanged):
    """Of a network that is replaced it gets a new NIC, which has no address yet."""
    followed = []

    async def booted(_self, _spec, _tell, _before, *, keeps_memory, unchanged):
        followed.append((keeps_memory, unchanged))

    monkeypatch.setattr(GuestSessions, "booted", booted)
    web = VmSpec("shop", "web", state=State.RUNNING, disks=(DiskUse(name="seed", source="/pool/web.seed"),))
    step = SimpleNamespace(
        action=Action.UPDATE,
        existing=replace(web, state=State.PAUSED),
        wanted=web,
        changes=changes,
        effect=LIVE,
    )
    driver = VmDriver(SimpleNamespace(connection=None), None)
    asyncio.run(driver.booted(step, SimpleNamespace(stage=lambda _stage: None)))
    assert followed == [(True, unchanged)]
