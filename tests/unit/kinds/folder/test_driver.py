"""The driver of folders, with no guest behind it."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from labctl.core.errors import LabctlError
from labctl.core.events import Teller
from labctl.host.access.transport import Completed
from labctl.kinds.folder import driver
from labctl.kinds.folder.spec import FolderSpec


class Guest:
    def __init__(self, _session):
        pass

    async def run(self, _text, **_options):
        return Completed(0, b"1000\n", b"")


def test_what_is_not_the_folder_of_the_plan_any_more_is_not_copied(tmp_path, monkeypatch):
    copied = []

    @asynccontextmanager
    async def opened(*_anything):
        yield None

    async def copy_by(job, *_anything):
        copied.append(job.source)

    async def call(*_anything):
        pass

    monkeypatch.setattr(driver.port_session, "opened", opened)
    monkeypatch.setattr(driver, "PortTransport", Guest)
    monkeypatch.setattr(driver.rsync, "copy_by", copy_by)
    source = tmp_path / "app"
    source.mkdir()
    host = SimpleNamespace(connection=SimpleNamespace(call=call), uri="qemu:///system")
    spec = FolderSpec("shop", "web", "/srv/app", str(source), chown="lab")
    step = SimpleNamespace(wanted=spec)
    tell = Teller(lambda _event: None, spec.address, 0.0)
    asyncio.run(driver.FolderDriver(host, None).create(step, tell))
    assert copied == [str(source)]
    source.rmdir()
    source.symlink_to("/etc")
    with pytest.raises(LabctlError, match="leads to another place"):
        asyncio.run(driver.FolderDriver(host, None).create(step, tell))
    assert copied == [str(source)]
