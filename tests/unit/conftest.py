"""Settings of the unit tests."""

import pytest

from tests.locks import own_locks  # noqa: F401  # a fixture


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """What one test leaves in the user's cache is no other's, and none of the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
