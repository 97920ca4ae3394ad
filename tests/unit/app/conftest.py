"""A session that connects to nothing."""

import pytest

from labctl.app import transport
from labctl.app.session import Session
from labctl.host.hosts import Hosts
from tests.madeup import MadeUpHost
from tests.unit.overviews import LABFILE


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "Labfile.yaml"
    path.write_text(LABFILE)

    return Session(Hosts(MadeUpHost(connection=None)), str(path))


@pytest.fixture
def keys(session, monkeypatch):
    """What a login to the VM `db` takes."""
    monkeypatch.setattr(transport.shutil, "which", lambda _name: "/usr/bin/ssh")
    session.folder.write("id_ed25519", b"secret")
    session.folder.write("host-keys/db.pub", b"ssh-ed25519 AAAA db\n")
