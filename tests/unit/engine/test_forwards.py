"""Where forwards lead to."""

import pytest

from labctl.core.address import Address
from labctl.core.spec import of_kind
from labctl.kinds.forward.spec import ForwardSpec
from tests.composed import specs

FRONT, BACK = {"subnet": "10.0.1.0/24"}, {"mode": "isolated", "subnet": "10.0.2.0/24"}
WIRE = {"mode": "isolated", "host": False, "subnet": "10.0.3.0/24"}
SIX = {"subnet": False, "ipv6": "fd00:1::/64"}


@pytest.mark.parametrize(
    ("nics", "to"),
    [
        (["front"], "10.0.1.2:80"),
        (["wire", "back"], "10.0.2.2:80"),
        ([{"name": "front", "ip": False}, "back"], "10.0.2.2:80"),
        (["six"], "[fd00:1::2]:80"),
    ],
)
def test_they_lead_to_the_first_address_that_the_host_reaches(nics, to):
    found = specs(
        {
            "networks": {"front": FRONT, "back": BACK, "wire": WIRE, "six": SIX},
            "vms": {"web": {"image": "none", "networks": nics, "forwards": ["8080:80"]}},
        }
    )
    (forward,) = of_kind(found.values(), ForwardSpec)
    assert (str(forward.address), forward.to) == ("forward/web/8080", to)


def test_they_begin_when_their_vm_has_started_and_a_new_vm_is_told_of_them():
    found = specs(
        {
            "networks": {"front": FRONT},
            "vms": {"web": {"image": "none", "networks": ["front"], "forwards": ["8080:80"]}},
        }
    )
    new, started = found[Address("forward", "web/8080")].needs()
    assert (str(started.address), started.until) == ("vm/web", "started")
    assert new.on_replace is new.on_loss is not None
