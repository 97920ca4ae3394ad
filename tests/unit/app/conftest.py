"""A session that connects to nothing."""

import pytest

from labctl.app import transport
from labctl.app.session import Session
from labctl.host.hosts import Hosts
from labctl.labfile.load import load
from tests.madeup import MadeUpHost
from tests.unit.overviews import LABFILE


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "Labfile.yaml"
    path.write_text(LABFILE)

    return Session(Hosts(MadeUpHost(connection=None)), str(path))


@pytest.fixture
def lab_with_folder(tmp_path):
    """A lab whose VM `web` has the folder `app` of this machine."""
    (tmp_path / "app").mkdir()
    path = tmp_path / "Labfile.yaml"
    path.write_text(
        "labfile: 1\nname: shop\nvms:\n  web:\n    image: debian-12\n"
        "    folders: [{source: app, target: /srv/app}]\n"
    )
    return load(str(path)).lab


@pytest.fixture
def keys(session, monkeypatch):
    """What a login to the VM `db` takes."""
    monkeypatch.setattr(transport.shutil, "which", lambda _name: "/usr/bin/ssh")
    session.folder.write("id_ed25519", b"secret")
    session.folder.write("host-keys/db.pub", b"ssh-ed25519 AAAA db\n")
