"""A guest that runs is asked for rsync before the first change; one that starts, or does not say, is not blamed."""

from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from labctl.app import rsync_in_guests
from labctl.core.errors import LabctlError
from labctl.core.lifecycle import State
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.guest.protocol import GuestState
from labctl.host.access import port_session, port_transport
from labctl.host.access.transport import Completed
from labctl.host.hosts import Hosts
from labctl.kinds.folder.spec import FolderSpec
from labctl.kinds.vm.spec import VmSpec
from tests.madeup import MadeUpHost

FOLDER = FolderSpec("shop", "web", "/srv/app", "/home/me/app", base="web")


class Guest:
    """A guest's port: its stage of cloud-init, and the exit code of what is run there."""

    def __init__(self, stage="done", exit_code=1, error=None):
        self.state = GuestState(stage)
        self.exit_code, self.error = exit_code, error
        self.asked = 0

    async def renewed(self):
        self.asked += 1

    async def run(self, _command, **_how):
        return Completed(self.exit_code, b"", b"")


@pytest.fixture
def told(lab_with_folder, monkeypatch):
    session = SimpleNamespace(lab=lab_with_folder, hosts=Hosts(MadeUpHost(connection=None)))

    def tell(guest, *, folder=FOLDER, before=None, state=State.RUNNING, after=None):
        @asynccontextmanager
        async def opened(_connection, name):
            assert name == "shop.web"
            if guest.error:
                raise guest.error
            yield guest

        monkeypatch.setattr(port_session, "opened", opened)
        monkeypatch.setattr(port_transport, "PortTransport", lambda port: port)
        vm = VmSpec("shop", "web", base="web", state=state)
        existing = {vm.address: vm} | ({before.address: before} if before else {})
        wanted = {vm.address: after or vm, folder.address: folder}
        observed = SimpleNamespace(specs=existing)
        return rsync_in_guests.lacking(session, plan(wanted, existing), observed)

    return tell


def test_a_running_guest_without_rsync_is_told_at_its_folder(told):
    (problem,) = told(Guest())
    assert (problem.path, problem.summary) == ("vms.web.folders", "/srv/app: there is no rsync in web")
    assert "labctl ssh" in problem.hint
    assert (problem.where.line, problem.where.column) == (6, 5)


def test_a_guest_with_rsync_is_fine(told):
    assert told(Guest(exit_code=0)) == []


@pytest.mark.parametrize("guest", [Guest(stage="final"), Guest(error=LabctlError("another program has it"))])
def test_who_does_not_say_is_not_blamed(told, guest):
    assert told(guest) == []


def test_nobody_else_is_asked(told):
    """A folder that is mounted or was copied before; a VM that starts, or starts anew."""
    guest = Guest()
    changed = replace(FOLDER, content="2")
    assert told(guest, folder=replace(FOLDER, type="virtiofs")) == []
    assert told(guest, folder=changed, before=replace(FOLDER, content="1")) == []
    assert told(guest, state=State.OFF) == []
    assert told(guest, after=VmSpec("shop", "web", base="web", cpus=2)) == []
    assert guest.asked == 0
