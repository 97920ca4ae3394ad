"""One connection, without a daemon."""

import libvirt
import pytest

from labctl.core.errors import LabctlError
from labctl.host.connection import Connection


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
