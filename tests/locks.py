"""The folder for locks that the tests of one process have instead of the host's."""

import pytest

from labctl.host.machine import lock


@pytest.fixture(autouse=True)
def own_locks(monkeypatch, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "locks"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o1777)
    monkeypatch.setattr(lock, "SHARED", folder)
    return folder
