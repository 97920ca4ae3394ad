"""Settings that all tests share."""

import ipaddress
import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import surroundings
from tests.https import authority, server  # noqa: F401  # fixtures

# Machines are shared and noisy: no deadline, and slow generation is no failure. More examples on demand.
settings.register_profile(
    "labctl",
    deadline=None,
    max_examples=int(os.environ.get("LABCTL_EXAMPLES", "40")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("labctl")


def pytest_configure(config):
    """Before anything of labctl is imported by a test; the workers of pytest-xdist come here too."""
    home = Path(tempfile.mkdtemp(prefix="labctl-tests-"))
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    surroundings.isolate(home)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """No test asks a name of the network; what it needs of one is on loopback, by its address."""
    asked = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        try:
            ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host or "127.0.0.1")
        except ValueError:
            if host not in ("localhost", "localhost.localdomain"):
                raise socket.gaierror(socket.EAI_NONAME, f"a test asked for {host}") from None
        return asked(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
