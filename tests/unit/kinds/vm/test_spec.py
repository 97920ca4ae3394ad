"""What a VM lets go of, before those that it had a part in change."""

from labctl.core.address import Address
from labctl.core.record import replace
from labctl.kinds.vm.disks_and_nics import NicUse
from labctl.kinds.vm.spec import VmSpec

FRONT = NicUse("front", "52:54:00:00:00:01", "shop.front", "front")
SECOND = NicUse("second", "52:54:00:00:00:02", "shop.front", "front")
BACK = NicUse("back", "52:54:00:00:00:03", "shop.back", "back")
OUTSIDE = NicUse("outside", "52:54:00:00:00:04", "default")
VM = VmSpec("shop", "web", nics=(FRONT, SECOND, BACK, OUTSIDE))


def test_it_is_the_networks_of_nics_that_leave_or_move():
    moved = replace(BACK, network="shop.front", ours="front")
    assert VM.lets_go(VM) == set()
    assert VM.lets_go(replace(VM, nics=(FRONT, BACK))) == {Address("network", "front")}
    assert VM.lets_go(replace(VM, nics=(FRONT, SECOND, moved))) == {Address("network", "back")}


def test_a_vm_that_goes_lets_go_of_all():
    assert VM.lets_go(None) == {Address("network", "front"), Address("network", "back")}
