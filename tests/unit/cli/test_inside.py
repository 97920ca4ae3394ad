"""Where verbs run."""

import pytest

import labctl.cli
from labctl.cli import inside
from labctl.cli.options import Options
from labctl.core.errors import LabctlError, UsageError
from labctl.host.host import Host
from labctl.host.libvirt import uri
from tests.unit.cli.test_app import PATHS
from tests.unit.cli.test_options import example

STAY = {
    "init",
    "validate",
    "show",
    "schema",
    "trust",
    "doctor",
    "completion",
    "rootless status",
    "rootless stop",
}


def test_root_has_none(monkeypatch):
    monkeypatch.setattr(inside.os, "geteuid", lambda: 0)
    with pytest.raises(UsageError, match="root has no rootless libvirt"):
        inside.go(Options(connect="rootless"))


@pytest.mark.parametrize("connect", ["qemu:///system", "qemu:///session", "test:///default"])
def test_another_connection_is_left_alone(connect):
    assert inside.go(Options(connect=connect)) is None


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_all_verbs_that_need_libvirt_go_there(path):
    assert labctl.cli.parse(example(path)).libvirt == (" ".join(path) not in STAY)


def test_a_program_is_not_moved_and_told_how(monkeypatch):
    monkeypatch.setattr(uri, "choose_uri", lambda asked: asked)
    with pytest.raises(LabctlError, match="from inside alone") as error:
        _ = Host("rootless").virt
    assert "labctl rootless exec" in error.value.hint
