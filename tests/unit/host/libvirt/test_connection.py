"""One connection, without a daemon."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import libvirt
import pytest

from labctl.core.errors import LabctlError
from labctl.host.libvirt import connection
from labctl.host.libvirt.connection import Connection, call_on, once


class Gone:
    """A connection whose daemon went away."""

    def setKeepAlive(self, *_arguments):  # noqa: N802  # libvirt's name
        raise libvirt.libvirtError("gone")


def test_a_daemon_that_went_away_is_told_as_for_any_call():
    connection = Connection("test:///default")
    connection.uri, connection.virt = "qemu:///system", Gone()
    with pytest.raises(LabctlError):
        connection.watch()
    connection.watch()  # what is tried once more after it was opened anew


def test_an_event_that_comes_after_the_run_is_dropped():
    """Libvirt may still be calling while it is told to call no more; it would print a traceback."""
    loop, heard = asyncio.new_event_loop(), []
    call_on(loop, heard.append, "in time")
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    call_on(loop, heard.append, "late")
    assert heard == ["in time"]


def test_what_is_done_once_a_process_is_done_once_by_threads_too():
    """Libvirt's event loop would run twice, and two threads would read the answers of each other."""
    calls = []

    def slow():
        calls.append(1)
        time.sleep(0.05)
        calls.append(2)

    first = once(slow)

    def done(_number):
        first()
        return list(calls)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(done, range(4))) == [[1, 2]] * 4


def test_a_closed_connection_leaves_no_thread():
    before = set(threading.enumerate())
    connection = Connection("test:///default")
    worker = asyncio.run(connection.call(threading.current_thread))
    assert worker not in before
    assert worker.is_alive()
    connection.close()
    worker.join(10)
    assert not worker.is_alive()


@pytest.mark.parametrize(("user", "told"), [(1000, True), (0, False)])
def test_who_may_not_use_the_systems_libvirt_is_told_of_one_of_their_own(monkeypatch, user, told):
    def refused(_uri):
        raise libvirt.libvirtError("authentication failed")

    monkeypatch.setattr(connection.libvirt, "open", refused)
    monkeypatch.setattr(connection.os, "geteuid", lambda: user)
    with pytest.raises(LabctlError) as error:
        Connection("qemu:///system")
    assert ("-c rootless" in error.value.hint) == told
