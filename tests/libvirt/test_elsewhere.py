"""A lab that was made on another connection, which its user may have come from without asking."""

import pytest

from labctl.app import change
from labctl.app.plan import plan
from labctl.app.status import status
from labctl.core.events import Diagnostic
from labctl.host.host import Host
from tests.libvirt.conftest import NODE, World

LABFILE = """\
labfile: 1
name: shop
defaults: {image: none, memory: 64MiB, disk: 1MiB, cloud_init: false, state: off}
networks: {front: {subnet: 10.90.0.0/24}}
vms: {web: {networks: [front]}}
"""
TOLD = "nothing of this lab is on rootless, but it was made on"


@pytest.fixture
def worlds(tmp_path, monkeypatch):
    """The same Labfile on two libvirts, the second of which is the user's own."""
    monkeypatch.setattr(Host, "place", property(lambda host: "rootless" if host is own.host else host.uri))
    system, own = (World(tmp_path, Host(NODE), LABFILE) for _ in range(2))
    yield system, own
    system.host.close()
    own.host.close()


def notes(world):
    return [event.summary for event in world.events if isinstance(event, Diagnostic)]


def warnings(world):
    return [each.summary for each in plan(world.session()).warnings]


def test_a_lab_that_is_in_the_other_libvirt_is_told(worlds):
    system, own = worlds
    assert not any(TOLD in each for each in (*status(own.session()).notes, *warnings(own)))
    assert system.run() == 0
    assert not any(TOLD in each for each in (*status(system.session()).notes, *warnings(system)))
    (told,) = (each for each in status(own.session()).notes if TOLD in each)
    assert told.endswith(f"made on {NODE}; `labctl -c {NODE} status` looks there")
    assert any(TOLD in each for each in warnings(own))
    assert own.run() == 0
    assert any(TOLD in each for each in notes(own))
    assert not any(TOLD in each for each in (*status(own.session()).notes, *warnings(own)))


def test_a_destroy_leaves_the_keys_of_a_lab_that_is_elsewhere_too(worlds):
    system, own = worlds
    for world in (system, own):
        assert world.run() == 0
    secret = system.session().keys.secret()
    assert own.run(change.destroy) == 0
    assert own.everything() == set()
    assert f"local files stay: the lab was also made on {NODE}" in notes(own)
    assert system.session().keys.secret() == secret
    assert own.run(change.destroy) == 0, "with nothing left"
    assert system.session().keys.secret() == secret
    assert system.run(change.destroy) == 0
    assert not (system.folder / ".labctl").exists()


def test_what_nobody_can_read_hinders_no_look(worlds):
    system, own = worlds
    assert system.run() == 0
    (system.folder / ".labctl/shop/connections").chmod(0o644)
    assert not any(TOLD in each for each in status(own.session()).notes)
