"""What a VM lets go of, before those that it had a part in change."""

import pytest

from labctl.core.address import Address
from labctl.core.diff import diff
from labctl.core.lifecycle import State
from labctl.core.record import replace
from labctl.core.spec import Effect
from labctl.kinds.vm.disks_and_nics import NicUse
from labctl.kinds.vm.filesystems import FilesystemUse
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


@pytest.mark.parametrize(
    ("after", "effect"),
    [("/pool/sha256-aa.img", Effect.LIVE), ("/pool/sha256-bb.img", Effect.RESTART), ("", Effect.RESTART)],
)
def test_a_kernel_that_only_lies_elsewhere_costs_no_restart(after, effect):
    """As those of labs from before: these were in the store."""
    had = VmSpec("shop", "web", 1, 1 << 30, 1 << 30, kernel="/store/sha256-aa.img", state=State.RUNNING)
    wanted = replace(had, kernel=after)
    (change,) = wanted.assessed(had, diff(had, wanted))
    assert change.effect is effect


APP = FilesystemUse("labctl-1", "/srv/a")


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        ((), (APP,), Effect.RESTART),
        ((APP,), (), Effect.LIVE),
        ((replace(APP, driver="9p"),), (), Effect.RESTART),
        ((APP,), (replace(APP, source="/srv/b"),), Effect.RESTART),
    ],
    ids=["comes", "goes", "9p-goes", "moves"],
)
def test_only_virtiofs_goes_while_a_vm_runs(before, after, effect):
    had = VmSpec("shop", "web", filesystems=before)
    wanted = VmSpec("shop", "web", filesystems=after)
    assert {each.effect for each in wanted.assessed(had, diff(had, wanted))} == {effect}


def test_of_a_saved_vm_no_device_goes():
    had = VmSpec("shop", "web", filesystems=(APP,), state=State.SAVED)
    wanted = VmSpec("shop", "web")
    (change, *_) = wanted.assessed(had, diff(had, wanted))
    assert change.effect is Effect.RESTART


@pytest.mark.parametrize(
    ("before", "word"),
    [
        ({"ready": False}, "ready"),
        (
            {"ready": False, "hosts": ""},
            "ready",
        ),  # its guest was not told the names yet: it is, before it is ready
        ({"state": State.OFF, "ready": False, "hosts": ""}, "started"),
        ({"ready": False, "memory": 1 << 29}, ""),
        ({"hosts": ""}, ""),
    ],
)
def test_a_vm_that_is_only_waited_for_becomes_ready_and_no_more(before, word):
    wanted = replace(VM, state=State.RUNNING, ready=True, hosts="1")
    assert wanted.done(diff(replace(wanted, **before), wanted)) == word


def test_a_vm_that_runs_is_not_started():
    wanted = replace(VM, state=State.RUNNING, ready=True)
    verbs = wanted.verbs(Effect.LIVE, replace(wanted, ready=False))
    assert [(each.name, each.doing) for each in verbs[-3:]] == [
        ("await", "waiting"),
        ("booted", "booting"),
        ("ready", "waiting until ready"),
    ]
