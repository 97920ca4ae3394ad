"""One connection, without a daemon."""

import asyncio

import libvirt
import pytest

from labctl.core.errors import LabctlError
from labctl.host.libvirt.connection import Connection, call_on


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
