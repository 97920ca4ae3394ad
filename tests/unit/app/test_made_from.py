"""What of the host, and of labctl, is in the key of a warm state."""

import os
from types import SimpleNamespace

import pytest

from labctl.app import made_from
from labctl.core.record import replace
from labctl.core.spec import of_kind
from labctl.engine.compose import Site
from labctl.host.hosts import Hosts
from labctl.kinds.vm import metadata
from labctl.kinds.vm.spec import VmSpec
from tests.composed import composed
from tests.madeup import MadeUpHost

ABLE = """<domainCapabilities><path>{folder}/qemu</path>
<os><loader><value>{folder}/CODE.fd</value><value>{folder}/CODE.secboot.fd</value></loader></os>
</domainCapabilities>"""


class Virt:
    """A libvirt with QEMU, whose packages can be mended without another version."""

    def __init__(self, folder):
        self._able = ABLE.format(folder=folder)

    def getDomainCapabilities(self, *_kind):  # noqa: N802  # this and below: libvirt's names
        return self._able

    def getCapabilities(self):  # noqa: N802
        return "<capabilities><host><cpu><arch>x86_64</arch></cpu></host></capabilities>"

    def getLibVersion(self):  # noqa: N802
        return 9_000_000

    def getVersion(self):  # noqa: N802
        return 7_002_022

    def getType(self):  # noqa: N802
        return "QEMU"


def vms(**fields):
    specs = composed({"vms": {"web": {"image": "debian-12", **fields}}})[2]
    return list(of_kind(specs.values(), VmSpec))


@pytest.fixture
def folder(tmp_path):
    for name in ("qemu", "CODE.fd", "CODE.secboot.fd"):
        (tmp_path / name).write_text(name)
    return tmp_path


def of_host(folder, *, local=True, **fields):
    return made_from.of_host(MadeUpHost(virt=Virt(folder), local=local), vms(**fields))


@pytest.mark.parametrize(("file", "firmware"), [("qemu", "bios"), ("qemu", "uefi"), ("CODE.fd", "uefi")])
def test_a_package_that_was_mended_without_another_version_is_another_host(folder, file, firmware):
    one = of_host(folder, firmware=firmware)
    os.utime(folder / file, ns=(0, 1))
    other = of_host(folder, firmware=firmware)
    assert one != other
    (folder / file).unlink()
    assert of_host(folder, firmware=firmware) not in (one, other)


def test_a_firmware_counts_only_where_it_is_used(folder):
    one = of_host(folder, firmware="bios")
    os.utime(folder / "CODE.fd", ns=(0, 1))
    assert of_host(folder, firmware="bios") == one


def test_of_a_host_that_is_not_this_machine_only_the_names_are_known(folder):
    one = of_host(folder, local=False, firmware="uefi")
    os.utime(folder / "CODE.fd", ns=(0, 1))
    assert of_host(folder, local=False, firmware="uefi") == one
    assert {path.rpartition("/")[2] for path in one[-1]} == {"qemu", "CODE.fd", "CODE.secboot.fd"}


def test_another_labctl_makes_another_definition(monkeypatch):
    """It may give a VM other hardware for the same Labfile, also under the same version."""
    one = made_from.definitions(vms())
    assert "<devices>" in one[0]
    assert made_from.definitions(vms()) == one
    monkeypatch.setattr(metadata, "VERSION", "0.9.9")
    assert made_from.definitions(vms()) != one
    assert made_from.definitions([replace(each, cpus=7) for each in vms()]) != one


def test_another_user_makes_another_lab(folder, monkeypatch):
    lab, allocation, _ = composed({})
    session = SimpleNamespace(
        lab=lab, loaded=SimpleNamespace(lab=lab), hosts=Hosts(MadeUpHost(virt=Virt(folder), local=True))
    )
    site = Site("x86_64", kvm=True, types=frozenset({"kvm"}), pool="/pool", store="/store")

    def parts():
        return dict(made_from.parts(session, lab, allocation, lambda _address: site, b"secret"))

    one = parts()
    assert one == parts()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    other = parts()
    assert [name for name in one if one[name] != other[name]] == ["user"]
