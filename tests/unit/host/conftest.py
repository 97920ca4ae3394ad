"""What stands for a guest to which something is forwarded."""

import socket

import pytest


@pytest.fixture
def guest():
    """A socket that listens as a guest's server does; nothing waits on it for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server
