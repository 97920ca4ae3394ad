"""What `labctl rootless stop` asks."""

import io

import pytest

import labctl.cli
from labctl.app.rootless import Running
from labctl.cli import context
from labctl.core.errors import UsageError
from labctl.host.machine.processes import Identity
from labctl.host.rootless.state import Holder

HOLDER = Holder(Identity(1, "1", ""), Identity(1, "1", ""))


@pytest.mark.parametrize(
    ("vms", "used", "asked"),
    [
        (("shop.db", "shop.web"), False, "what runs is shut down: shop.db, shop.web;"),
        (None, False, "libvirt does not answer, so VMs can't be shut down, and their power is cut;"),
        ((), True, "a command that is at work inside is cut off;"),
        (
            ("shop.db",),
            True,
            "what runs is shut down: shop.db, and a command that is at work inside is cut off;",
        ),
    ],
)
def test_what_a_stop_ends_is_asked(monkeypatch, vms, used, asked):
    monkeypatch.setattr("labctl.app.rootless.running", lambda: Running(HOLDER, vms, used))
    with pytest.raises(UsageError, match=f"^{asked}"):
        labctl.cli.run(["rootless", "stop"])


def test_a_stop_that_is_declined_says_so(monkeypatch, capsys):
    monkeypatch.setattr("labctl.app.rootless.running", lambda: Running(HOLDER, ("shop.db",), used=False))
    monkeypatch.setattr(context, "interactive", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert labctl.cli.run(["rootless", "stop"]) == 1
    assert capsys.readouterr().err.endswith("go on? [y/N] nothing was changed\n")
