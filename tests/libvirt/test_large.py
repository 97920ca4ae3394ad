"""Work grows as the lab does: what is counted is how often each function of labctl is called, not how long it takes."""

import sys
import threading
from collections import Counter
from functools import partial

import pytest

from labctl.app import change
from labctl.app.status import status
from labctl.host.host import Host
from tests.libvirt.conftest import NODE, World

SMALL = 24
VERBS = {
    "up": lambda world: world.run(),
    "plan": lambda world: world.plan(),
    "status": lambda world: status(world.session(), drift=True),
    "destroy": lambda world: world.run(change.destroy),
}


def lab(count: int) -> str:
    """As many VMs as networks, each on its own and on the one before."""
    networks = "".join(f"  n{number}: {{mode: isolated}}\n" for number in range(count))
    vms = "".join(
        f"  v{number}: {{networks: [n{number}, n{max(number - 1, 0)}]}}\n" for number in range(1, count)
    )
    defaults = "{image: none, memory: 1MiB, disk: 1MiB, cloud_init: false, state: off}"
    return f"labfile: 1\nname: shop\ndefaults: {defaults}\nnetworks:\n{networks}vms:\n{vms}"


def calls(work) -> Counter[str]:
    """How often each function of labctl was called meanwhile, also by other threads."""
    counted: Counter[str] = Counter()

    def called(frame, event, _argument):
        if event == "call" and "/labctl/" in frame.f_code.co_filename:
            counted[f"{frame.f_code.co_filename.rpartition('/labctl/')[2]}: {frame.f_code.co_qualname}"] += 1

    threading.setprofile(called)
    sys.setprofile(called)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return counted


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    """For each verb the calls in a lab and in one of twice as many networks and VMs."""
    found = {verb: [] for verb in VERBS}
    for size in (SMALL, 2 * SMALL):
        host = Host(NODE)
        world = World(tmp_path_factory.mktemp("large"), host, lab(size))
        for verb, work in VERBS.items():
            found[verb].append(calls(partial(work, world)))
        assert not world.everything()
        host.close()
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_a_lab_of_twice_the_size_takes_twice_the_work(counts, verb):
    small, large = counts[verb]
    assert small.total() > 1000
    grown = {name: (small[name], large[name]) for name in large if large[name] > 2.5 * small[name] + 50}
    assert grown == {}
