"""The driver of VMs, with no libvirt behind it."""

from types import SimpleNamespace

import pytest

from labctl.core.address import Address
from labctl.core.errors import LabctlError
from labctl.core.record import replace
from labctl.kinds.vm.driver import VmDriver
from labctl.kinds.vm.filesystems import FilesystemUse
from tests.composed import specs


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
