"""A domain whose state changes meanwhile, or that libvirtd still works on."""

import libvirt
import pytest

from labctl.core.errors import Interrupted, LabctlError
from labctl.core.events import StepProgress, Teller
from labctl.core.lifecycle import State
from labctl.kinds.vm import virdomain
from labctl.kinds.vm.spec import VmSpec

WEB = VmSpec("shop", "web")
TELL = Teller(lambda _event: None, WEB.address, 0.0)
RUNNING, SAVING, OFF = (
    [libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_BOOTED],
    [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_SAVE],
    [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SAVED],
)


class Domain:
    """One that is in a state, and whose saving libvirtd ends after some looks at it."""

    def __init__(self, state, looks=0, left=RUNNING, error=""):
        self._state, self._looks, self._left, self._error = state, looks, left, error
        self.called = []

    def state(self):
        return self._state

    def hasManagedSaveImage(self):  # noqa: N802  # libvirt's name
        return int(self._state == OFF)

    def jobInfo(self):  # noqa: N802  # libvirt's name
        self._looks -= 1
        if self._looks < 0:
            self._state = self._left
            raise libvirt.libvirtError("domain is not running")
        return [libvirt.VIR_DOMAIN_JOB_UNBOUNDED]

    def XMLDesc(self):  # noqa: N802  # libvirt's name
        return "<domain/>"

    def managedSave(self, _flags):  # noqa: N802  # libvirt's name
        raise libvirt.libvirtError(self._error)

    def create(self):
        self.called.append("create")
        self._state = self._left

    def resume(self):
        self.called.append("resume")
        self._state = RUNNING

    def shutdown(self):
        self.called.append("shutdown")


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(virdomain, "_BUSY_S", 0)


@pytest.mark.parametrize("left", [RUNNING, OFF])
def test_what_libvirtd_still_saves_is_waited_for(left):
    assert virdomain.settled(Domain(SAVING, looks=3, left=left), TELL) is (
        State.RUNNING if left == RUNNING else State.SAVED
    )


def test_the_wait_for_libvirtd_is_told_and_ends_when_the_run_is_to_end():
    told = []
    stopping = Teller(told.append, WEB.address, 0.0, lambda: len(told) == 2)
    with pytest.raises(Interrupted):
        virdomain.settled(Domain(SAVING, looks=100), stopping)
    assert told == [StepProgress("vm/web", "waiting until libvirt has saved its memory")] * 2


def test_a_vm_that_is_being_saved_is_started_from_what_was_saved():
    """Resuming it would fail: libvirtd lets nobody else at it meanwhile."""
    domain = Domain(SAVING, looks=2, left=OFF)
    domain.create = lambda: setattr(domain, "_state", RUNNING)
    assert virdomain.run(domain, WEB, TELL)
    assert domain.called == []


def test_a_vm_that_was_saved_while_it_was_paused_runs_afterwards():
    paused = [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER]
    domain = Domain(OFF, left=paused)
    assert virdomain.run(domain, WEB, TELL)
    assert domain.called == ["create", "resume"]


def test_memory_that_was_saved_meanwhile_is_not_lost_unasked():
    domain = Domain(SAVING, looks=1, left=OFF)
    with pytest.raises(LabctlError, match="its memory was saved meanwhile"):
        virdomain.shutdown(domain, TELL)
    assert domain.called == []


def test_a_failed_save_says_that_the_vm_goes_on():
    domain = Domain(RUNNING, error="Unable to write: No space left on device")
    with pytest.raises(LabctlError) as caught:
        virdomain.save(domain, WEB)
    assert str(caught.value) == (
        "vm/web: its memory can't be saved: Unable to write: No space left on device; it is running as before"
    )
    assert "`labctl up` sets the VM's clock" in caught.value.hint


def test_a_vm_that_is_gone_meanwhile_does_not_go_on():
    with pytest.raises(libvirt.libvirtError):
        virdomain.save(Domain(OFF, error="domain is not running"), WEB)
