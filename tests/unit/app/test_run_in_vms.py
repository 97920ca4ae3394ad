"""A command in several VMs at once; shells of this machine take their place."""

import asyncio
import io
import threading
from contextlib import asynccontextmanager

import pytest

from labctl.app import transport
from labctl.app.one_vm import look
from labctl.app.run_in_vms import Command, Ran, places, running
from labctl.core.errors import LabctlError, UsageError
from labctl.host.access.streams import LiveStdin
from labctl.host.access.transport import Transport
from tests.unit.host.access.test_copying import Here
from tests.unit.overviews import LABFILE, seen, vm


class Endless(Transport):
    """Runs what does not end, and says when it began and when it was ended."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), False

    async def _execute(self, _text, _user, _stdin, captured):
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True
        captured.write("stdout", b"never")
        return 0


@pytest.fixture
def ways(session, keys, monkeypatch):
    seen(monkeypatch, vm("db", user="me"), vm("web-1"))
    return list(transport.find_each(session, ["db", "web-1"], look(session)).values())


def into(monkeypatch, guests):
    """Let ways lead into these, or raise what stands there instead of one."""

    @asynccontextmanager
    async def opened(_session, way, _waiting):
        if isinstance(guest := guests[way.vm.name], LabctlError):
            raise guest
        yield guest

    monkeypatch.setattr(transport, "opened", opened)


def test_it_runs_in_each_and_a_vm_that_can_t_be_reached_holds_up_no_other(
    session, ways, monkeypatch, tmp_path
):
    gone, here = LabctlError("gone"), Here(tmp_path)
    into(monkeypatch, {"db": gone, "web-1": here})
    done = running(session, ways, Command(["echo", "'a  b';", "exit 3"]), print).result()
    assert done == [Ran("db", 255, error=gone), Ran("web-1", 3, b"a  b\n")]
    assert done[0].to_json() == {"name": "db", "exit_code": 255, "stdout": "", "stderr": "", "error": "gone"}
    assert here.users == ["lab"]


def test_output_goes_where_it_is_wanted(session, ways, monkeypatch, tmp_path):
    files = {name: (io.BytesIO(), io.BytesIO()) for name in ("db", "web-1")}
    into(monkeypatch, dict.fromkeys(files, here := Here(tmp_path)))
    command = Command(["echo a; echo b >&2"], "root", None, files.__getitem__)
    assert running(session, ways, command, print).result() == [Ran("db", 0), Ran("web-1", 0)]
    assert {(out.getvalue(), err.getvalue()) for out, err in files.values()} == {(b"a\n", b"b\n")}
    assert here.users == ["root", "root"]


def test_stdin_is_the_command_s(session, ways, monkeypatch, tmp_path):
    (tmp_path / "in").write_text("typed")
    into(monkeypatch, {"db": Here(tmp_path)})
    with (tmp_path / "in").open("rb") as file:
        command = Command(["cat"], stdin=LiveStdin(file.fileno()))
        assert running(session, ways[:1], command, print).result() == [Ran("db", 0, b"typed")]


def test_whoever_stops_it_ends_it_in_every_vm(session, ways, monkeypatch):
    guests = {"db": Endless(), "web-1": Endless()}
    into(monkeypatch, guests)
    ran = running(session, ways, Command(["x"]), print)
    assert not ran.stop()  # it does not run yet

    def stop() -> None:
        for guest in guests.values():
            guest.begun.wait()
        assert ran.stop()
        assert not ran.stop()

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        ran.result()
    thread.join()
    assert all(guest.ended for guest in guests.values())


def test_all_vms_that_were_named_and_can_t_be_entered_are_told_at_once(session, monkeypatch):
    seen(monkeypatch, vm("db", "paused"), vm("web-2", "off"))
    with pytest.raises(LabctlError) as caught:
        places(session, look(session), dict.fromkeys(("db", "web-1", "web-2"), True))
    assert str(caught.value).splitlines() == [
        "vm/db: it is paused",
        "vm/web-1: it is not there yet",
        "vm/web-2: it is off",
    ]
    assert caught.value.hint == "`labctl resume db` resumes it; `labctl up web-1 web-2` makes or starts them"


def test_of_all_vms_one_that_is_not_up_could_not_run_it(session, keys, monkeypatch, tmp_path):
    seen(monkeypatch, vm("db"), vm("web-2", "off"))
    into(monkeypatch, {"db": Here(tmp_path)})
    found = places(session, look(session), dict.fromkeys(("web-2", "db"), False))
    assert found.left_out == ()
    down, ran = running(session, list(found.ways.values()), Command(["true"]), print).result()
    assert (down.vm, down.exit_code, str(down.error)) == ("web-2", 255, "vm/web-2: it is off")
    assert ran == Ran("db", 0)


def test_of_all_vms_those_that_are_not_for_it_are_left_out(session, monkeypatch, tmp_path):
    """Those that the Labfile keeps off, and those that were made without cloud-init."""
    path = tmp_path / "Labfile.yaml"
    path.write_text(LABFILE.replace("count: 2,", "count: 2, state: off,"))
    seen(monkeypatch, vm("db"), vm("web-1", "off"), vm("old", "off", seeded=False))
    found = places(session, look(session), dict.fromkeys(("db", "web-1", "web-2", "old"), False))
    assert list(found.ways) == ["db"]
    assert found.left_out == (
        "web-1 is left out: it is off",
        "web-2 is left out: it is not there yet",
        f"old is left out: {transport.NO_LOGIN}",
    )
    with pytest.raises(UsageError, match="no VM is left"):
        places(session, look(session), {"web-1": False})
