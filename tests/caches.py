"""The user's cache and state that each test has as its own."""

from itertools import count

import pytest

USERS = count(1)  # one a test: a name of its own costs nothing, a folder would


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """What one test leaves in the user's cache is no other's, and none of the user's. The folders are not there yet."""
    own = tmp_path_factory.getbasetemp() / f"user-{next(USERS)}"
    monkeypatch.setenv("XDG_CACHE_HOME", str(own / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(own / "state"))
