"""Several libvirt hosts in one process: labs of the same name on two of them, and one lab on both."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labctl.app import change, desired_state, status
from labctl.app.prepare import prepare
from labctl.app.session import Session
from labctl.core.address import Address
from labctl.core.events import StepDone
from labctl.engine.observe import observe
from labctl.engine.registry import KINDS
from labctl.host.host import Host
from labctl.host.hosts import Hosts
from tests.madeup import MadeUpHosts

NODE = Path(__file__).with_name("node.xml")
LABFILE = """\
labfile: 1
name: shop
defaults: {{image: none, memory: 64MiB, disk: 1MiB, cloud_init: false}}
networks:
  front: {{subnet: 10.90.0.0/24}}
  back: {{mode: isolated}}
vms: {{web: {{count: {count}, networks: [front]}}}}
"""


@pytest.fixture
def nodes(tmp_path):
    """Two empty nodes."""
    hosts = []
    for name in ("north", "south"):
        shutil.copy(NODE, tmp_path / f"{name}.xml")
        hosts.append(Host(f"test://{tmp_path}/{name}.xml"))
    yield hosts
    for host in hosts:
        host.close()


def session(folder: Path, hosts: Hosts, *, count: int = 1) -> Session:
    folder.mkdir(exist_ok=True)
    (folder / "Labfile.yaml").write_text(LABFILE.format(count=count))
    return Session(hosts, str(folder / "Labfile.yaml"))


def run(verb, on: Session) -> list[str]:
    """The addresses of the steps that were done."""
    events = []
    assert verb(on, (), events.append, lambda _plan: True).ok
    return [event.address for event in events if isinstance(event, StepDone)]


def planned(on: Session) -> str:
    return str(prepare(on, desired_state.up()).plan)


def names(host: Host) -> set[str]:
    lists = (host.virt.listAllDomains(), host.virt.listAllNetworks(), host.virt.listAllStoragePools())
    return {each.name() for kind in lists for each in kind}


BOTH = {"shop.front", "shop.back", "labctl-shop", "shop.web-1"}


def test_labs_of_one_name_on_two_hosts_know_nothing_of_each_other(nodes, tmp_path):
    """Each step of one comes between two of the other."""
    north, south = nodes
    one = session(tmp_path / "one", Hosts(north), count=1)
    two = session(tmp_path / "two", Hosts(south), count=2)
    with one.locked_lab():
        assert planned(two).endswith("plan: 7 to create, 0 unchanged")
        run(change.up, two)
    assert planned(one).endswith("plan: 5 to create, 0 unchanged")
    assert names(north) == set()
    run(change.up, one)
    assert planned(one) == "plan: 5 unchanged"
    assert planned(two) == "plan: 7 unchanged"
    assert (names(north), names(south)) == (BOTH, BOTH | {"shop.web-2"})
    run(change.halt, one)
    assert [row.state for row in status.status(one).rows] == ["off"]
    assert [row.state for row in status.status(two).rows] == ["running", "running"]
    run(change.destroy, one)
    assert (names(north), names(south)) == (set(), BOTH | {"shop.web-2"})
    assert planned(two) == "plan: 7 unchanged"
    run(change.destroy, two)
    assert names(south) == set()


def test_two_labs_live_in_two_threads(nodes, tmp_path):
    def life(host: Host, count: int) -> None:
        for _ in range(3):
            lab = session(tmp_path / f"{count}", Hosts(host), count=count)
            run(change.up, lab)
            assert names(host) == BOTH | {f"shop.web-{number}" for number in range(1, count + 1)}
            assert planned(lab) == f"plan: {3 + 2 * count} unchanged"
            run(change.destroy, lab)
            assert names(host) == set()

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(life, nodes, (1, 2))) == [None, None]


@pytest.fixture
def spread(nodes, tmp_path):
    """One lab on both nodes: its network `back` is on the second."""
    return session(tmp_path / "lab", MadeUpHosts(*nodes, elsewhere={"back"}))


def test_each_object_is_made_found_and_removed_on_its_host(spread):
    north, south = spread.hosts
    assert "network/back" in run(change.up, spread)
    assert (names(north), names(south)) == (BOTH - {"shop.back"}, {"shop.back"})
    assert planned(spread) == "plan: 5 unchanged"
    south.virt.networkLookupByName("shop.back").destroy()
    assert planned(spread).startswith("~ network/back")
    assert run(change.up, spread) == ["network/back"]
    assert planned(spread) == "plan: 5 unchanged"
    assert {each.name: each.host for each in status.overview.look(spread.hosts, "shop").vms} == {
        "web-1": north.uri
    }
    run(change.destroy, spread)
    assert (names(north), names(south)) == (set(), set())


def test_what_is_on_another_host_is_neither_the_object_nor_in_its_way(spread):
    """A lab of that name was made there; and what someone made at the object's own place is in the way."""
    north, south = spread.hosts
    south.virt.networkDefineXML("<network><name>shop.front</name><bridge name='br9'/></network>")
    twin = "shop.web-1"
    south.virt.defineXML(
        f"<domain type='test'><name>{twin}</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    )
    run(change.up, spread)
    found = observe(spread.hosts, "shop", KINDS)
    assert {Address("network", "front"), Address("network", "back"), Address("vm", "web-1")} <= set(
        found.specs
    )
    assert {(each.host, each.name) for each in found.foreign} == {
        (south.uri, "shop.front"),
        (south.uri, twin),
    }
    run(change.destroy, spread)
    assert names(south) == {"shop.front", twin}
    assert names(north) == set()
