"""Settings of the unit tests."""

import os
import socket

import pytest

from tests.caches import own_cache  # noqa: F401  # a fixture
from tests.locks import own_locks  # noqa: F401  # a fixture


@pytest.fixture
def free_port():
    """A port of this machine that is free, and that the system gives to nobody by itself: those begin at 32768."""
    for port in range(20_000 + os.getpid() % 10_000, 32_768):
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as tried:
                    tried.bind(("", port))
        except OSError:
            continue
        return port
    raise AssertionError("no port is free")
