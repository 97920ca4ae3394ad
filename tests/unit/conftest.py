"""Settings of the unit tests."""

import os
import socket
from itertools import count

import pytest

from tests.locks import own_locks  # noqa: F401  # a fixture

USERS = count(1)  # one a test: a name of its own costs nothing, a folder would


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """What one test leaves in the user's cache is no other's, and none of the user's. The folders are not there yet."""
    own = tmp_path_factory.getbasetemp() / f"user-{next(USERS)}"
    monkeypatch.setenv("XDG_CACHE_HOME", str(own / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(own / "state"))


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
