"""Settings of the unit tests."""

import os
import socket

import pytest

from tests.locks import own_locks  # noqa: F401  # a fixture


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """What one test leaves in the user's cache is no other's, and none of the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


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
