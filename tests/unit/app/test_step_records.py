"""What VMs have noted of steps that are gone, on libvirt's test driver."""

from pathlib import Path
from xml.etree import ElementTree as ET

import libvirt
import pytest

from labctl import Lab
from labctl.app import step_records
from labctl.core.records import read_all
from labctl.engine import provision
from labctl.engine.observe import observe
from labctl.host.libvirt import records

NODE = "test://" + str(Path(__file__).parents[2] / "libvirt/node.xml")
LABFILE = """\
labfile: 1
name: shop
defaults: {image: none, memory: 64MiB, disk: 1MiB, cloud_init: false}
vms: {web: {}, db: {}}
"""


class Noted:
    """A lab whose VMs have noted a step that is there, two that are gone, and something of another kind."""

    def __init__(self, lab: Lab) -> None:
        lab.up(confirm=lambda _plan: True)
        self.session = lab.session()
        self.told = []
        for name in ("web", "db"):
            for key in ("stays", "goes", "lab:gone"):
                records.write(self.domain(name), "provision", key, {"digest": "a"})
            records.write(self.domain(name), "strange", "80", {})
        self.observed = observe(self.session.hosts, "shop", self.session.kinds)

    @property
    def virt(self):
        (host,) = self.session.hosts
        return host.virt

    def domain(self, name):
        return self.virt.lookupByName(f"shop.{name}")

    def kept(self, name):
        found = read_all(ET.fromstring(self.domain(name).XMLDesc()))
        return {kind: set(keys) for kind, keys in found.items()}

    def prune(self):
        step_records.prune(self.session, self.observed, self.told.append)


@pytest.fixture
def known(monkeypatch):
    """The steps that the Labfile has. The VMs of this driver run none."""
    keys = {"web": {"stays"}, "db": set()}
    monkeypatch.setattr(provision, "keys", lambda _lab: keys)
    return keys


@pytest.fixture
def noted(tmp_path, known):
    (tmp_path / "Labfile.yaml").write_text(LABFILE)
    with Lab(tmp_path, connect=NODE) as lab:
        yield Noted(lab)


def test_what_is_gone_goes_and_nothing_else(noted):
    noted.prune()
    assert noted.kept("web") == {"provision": {"stays"}, "strange": {"80"}}
    assert noted.kept("db") == {"strange": {"80"}}
    assert noted.told == []


def test_a_vm_that_is_no_more_in_the_labfile_keeps_its_notes(noted, known):
    """`up` of other VMs is none of its business."""
    del known["db"]
    noted.prune()
    assert noted.kept("db")["provision"] == {"stays", "goes", "lab:gone"}


def test_a_vm_that_somebody_removed_meanwhile_has_nothing_to_forget(noted):
    noted.domain("db").destroy()
    noted.domain("db").undefine()
    noted.prune()
    assert noted.told == []
    assert noted.kept("web")["provision"] == {"stays"}


def test_a_note_that_stays_ends_no_run_and_no_other_vm_s_turn(noted, monkeypatch):
    forget = records.forget

    def fails(domain, kind, keys):
        if domain.name() == "shop.db":
            raise libvirt.libvirtError("no")
        forget(domain, kind, keys)

    monkeypatch.setattr(records, "forget", fails)
    noted.prune()
    (warning,) = noted.told
    assert warning.summary.startswith("db still has notes of steps that are gone: ")
    assert warning.hint == "the next `labctl up` tries again"
    assert noted.kept("web")["provision"] == {"stays"}
