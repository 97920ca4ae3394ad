"""Who may read a seed, which has the keys of its VM and the secrets of the Labfile."""

from types import SimpleNamespace

from labctl.kinds.seed import driver
from labctl.kinds.seed.driver import SeedDriver
from labctl.kinds.seed.spec import SeedSpec


def test_a_seed_is_for_its_owner_alone(monkeypatch):
    uploads = []
    monkeypatch.setattr(driver.volumes, "delete", lambda *_: None)
    monkeypatch.setattr(
        driver.volumes, "upload", lambda *given, **options: uploads.append((given[2], options))
    )
    keys = SimpleNamespace(
        host=lambda _vm: ("private", "public"), login_public=lambda: "ssh-ed25519 AAAA labctl"
    )
    host = SimpleNamespace(virt=None, pool=lambda _name: None)
    step = SimpleNamespace(wanted=SeedSpec("shop", "web", config={"password": "hunter2"}))
    SeedDriver(host, keys).create(step, None)
    ((name, options),) = uploads
    assert (name, options["mode"]) == ("web.seed", 0o600)
