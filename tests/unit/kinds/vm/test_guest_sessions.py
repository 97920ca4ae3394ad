"""What a run waits for in its guests."""

import pytest

from labctl.kinds.vm.guest_sessions import answer_s
from labctl.kinds.vm.spec import VmSpec


@pytest.mark.parametrize(("accel", "times"), [("kvm", 1), ("qemu", 4)])
def test_a_guest_without_kvm_may_take_longer_to_do_what_it_is_told(accel, times):
    assert answer_s(VmSpec("shop", "web", accel=accel)) == 60 * times
