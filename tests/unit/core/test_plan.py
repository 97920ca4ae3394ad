"""A plan as JSON, and in the order of its steps."""

from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.vm.disks_and_nics import DiskUse, NicUse
from labctl.kinds.vm.spec import VmSpec


def lab(*specs):
    return {spec.address: spec for spec in specs}


NETWORK = NetworkSpec("shop", "front", bridge="lab-1", subnet4="10.0.0.0/24", host4="10.0.0.1/24")
NIC = NicUse("front", "52:54:00:00:00:01", "shop.front", "front")
ROOT = DiskUse("root", "/pool/web.root", "web/root", target="vda")
DISK = DiskSpec("shop", "web/root", 1 << 30, base="sha256-a.img", image="a")
VM = VmSpec("shop", "web", disks=(ROOT,), nics=(NIC,), ready=True)


def test_the_json_has_the_shape_of_the_contract():
    made = plan(lab(NETWORK, VM), {}, lab="shop", connection="test:///default").to_json()
    assert list(made) == ["format", "lab", "connection", "summary", "steps", "reaches"]
    assert made["summary"] == {
        "create": 2,
        "update": 0,
        "restart": 0,
        "replace": 0,
        "delete": 0,
        "unchanged": 0,
    }
    step = made["steps"][1]
    assert list(step) == ["id", "address", "action", "cause", "needs", "destructive", "changes"]
    assert (step["address"], step["needs"]) == ("vm/web", ["network/front"])


def test_the_json_of_what_goes_has_every_field_that_was_set():
    """Who reads a plan learns what is lost: the sizes of disks, the images that they stood on."""
    assert plan({}, lab(DISK)).to_json()["steps"][0]["changes"] == [
        {"field": "size", "before": 1 << 30, "after": None, "effect": "live"},
        {"field": "base", "before": "sha256-a.img", "after": None, "effect": "replace"},
        {"field": "format", "before": "qcow2", "after": None, "effect": "replace"},
    ]


def test_what_a_step_waits_for_comes_in_the_order_of_the_plan():
    disks = [replace(DISK, name=f"web/data-{n}", base="", image="") for n in (10, 2)]
    uses = tuple(replace(ROOT, name=each.name[4:], disk=each.name) for each in disks)
    step = plan(lab(*disks, replace(VM, disks=uses, nics=())), {}).steps[-1]
    assert step.needs == ("disk/web/data-2", "disk/web/data-10")
