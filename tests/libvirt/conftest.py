"""A lab on libvirt's test driver: the real API and the real XML parser, without guests."""

import gc
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from labctl.app import change, desired_state, snapshots
from labctl.app.prepare import prepare
from labctl.app.session import Session
from labctl.cli import exits
from labctl.core.events import Event, StepFailed
from labctl.core.plan import Plan
from labctl.host.host import Host
from labctl.host.hosts import Hosts
from labctl.host.libvirt import pools
from labctl.host.libvirt.connection import Connection
from tests.caches import own_cache  # noqa: F401  # a fixture
from tests.locks import own_locks  # noqa: F401  # a fixture

NODE = f"test://{Path(__file__).with_name('node.xml')}"
LABFILE = """\
labfile: 1
name: shop
defaults: {image: none, memory: 64MiB, disk: 1MiB, cloud_init: false}
networks:
  front: {subnet: 10.90.0.0/24}
  back: {mode: isolated}
vms:
  web: {count: 2, networks: [front, back], depends_on: [db]}
  db: {networks: [back], disks: [{name: data, size: 2MiB}]}
"""


@dataclass
class World:
    """One node, and a Labfile that can be edited; every call is a run of labctl."""

    folder: Path
    host: Host
    text: str = LABFILE
    events: list[Event] = field(default_factory=list)

    def session(self) -> Session:
        path = self.folder / "Labfile.yaml"
        path.write_text(self.text)
        # a node of this driver lives as long as its connection
        return Session(Hosts(self.host), str(path), trust=True)

    def edit(self, old: str, new: str) -> None:
        assert old in self.text
        self.text = self.text.replace(old, new)

    def run(self, verb=change.up, *vms: str) -> int:
        """Gives the exit code."""
        self.events = []
        finished = verb(self.session(), vms, self.events.append, lambda _plan: True)
        return exits.of_ending(finished.ending)

    def plan(self) -> Plan:
        return prepare(self.session(), desired_state.up()).plan

    def failures(self) -> list[StepFailed]:
        return [event for event in self.events if isinstance(event, StepFailed)]

    def domain(self, name: str):
        return self.host.virt.lookupByName(f"shop.{name}")

    def redefine(self, name: str, edit) -> None:
        """What someone does with `virsh edit`."""
        root = ET.fromstring(self.domain(name).XMLDesc(2))
        edit(root)
        self.host.virt.defineXML(ET.tostring(root, encoding="unicode"))

    def everything(self) -> set[str]:
        virt = self.host.virt
        lists = (virt.listAllDomains(), virt.listAllNetworks(), virt.listAllStoragePools())
        return {each.name() for kind in lists for each in kind}


def save_s1(session: Session, _vms: list[str], *run):
    """A use case for `World.run`."""
    return snapshots.save(session, *run, name="s1", message="")


@pytest.fixture(autouse=True)
def _no_collector():
    """As in labctl itself, see `labctl.cli.boundary`."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def pool(tmp_path):
    """The empty pool of a lab, on a libvirt of its own."""
    (tmp_path / "pool").mkdir()
    connection = Connection(NODE)
    yield pools.define(connection.virt, "labctl-shop", tmp_path / "pool")
    connection.close()


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path, Host(NODE))
    yield made
    made.host.close()
