"""Merging layers: what QEMU does with the disk already, and how it ends."""

import libvirt
import pytest

from labctl.core.errors import Interrupted, LabctlError
from labctl.core.events import StepProgress, Teller
from labctl.host.libvirt import block_commit
from labctl.kinds import addresses

BASE, TOP = "/p/web.root", "/p/web.root._layer-00000001"
COMMIT, COPY = libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_ACTIVE_COMMIT, libvirt.VIR_DOMAIN_BLOCK_JOB_TYPE_COPY
XML = """<domain><devices><disk><source file='{}'/><target dev='vda'/>{}</disk></devices></domain>"""
MIRROR = "<mirror type='file' job='{}' ready='{}'><format type='qcow2'/><source file='{}'/></mirror>"
WORDS = {COMMIT: "active-commit", COPY: "copy"}


class Domain:
    """One whose disk QEMU works on; a merge is ready after some looks at it."""

    def __init__(self, job=None, onto=BASE, looks=2, *, fails=False):
        self._job, self._onto, self._looks, self._fails = job, onto, looks, fails
        self.called = []

    def name(self):
        return "shop.web"

    def blockJobInfo(self, _target):  # noqa: N802  # libvirt's name
        if self._job is None:
            return {}
        self._looks -= 1
        return {"type": self._job, "bandwidth": 0, "cur": 40, "end": 100}

    def blockCommit(self, _target, base, _top, _bandwidth, _flags):  # noqa: N802  # libvirt's name
        self.called.append("commit")
        self._job, self._onto = None if self._fails else COMMIT, base

    def blockJobAbort(self, _target, flags=0):  # noqa: N802  # libvirt's name
        self.called.append("pivot" if flags == libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT else "abort")
        self._job = None

    def XMLDesc(self):  # noqa: N802  # libvirt's name
        ready = "yes" if self._looks <= 0 else "no"
        mirror = MIRROR.format(WORDS[self._job], ready, self._onto) if self._job is not None else ""
        return XML.format(TOP, mirror)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(block_commit, "_POLL_S", 0)


def merged(domain, sink=lambda _event: None, *, stopped=False):
    tell = Teller(sink, addresses.disk("web/root"), 0.0, lambda: stopped)
    block_commit.run(domain, "vda", base=BASE, top=TOP, tell=tell)


def test_how_much_is_merged_is_told():
    domain, told = Domain(), []
    merged(domain, told.append)
    assert domain.called == ["commit", "pivot"]
    assert set(told) == {StepProgress("disk/web/root", "merging layers", 40, 100)}


def test_the_same_merge_that_a_killed_run_began_is_ended():
    domain = Domain(COMMIT)
    merged(domain)
    assert domain.called == ["pivot"]


@pytest.mark.parametrize("domain", [Domain(COPY), Domain(COPY, "/backup/web"), Domain(COMMIT, "/p/other")])
def test_what_qemu_does_for_others_is_left_alone(domain):
    with pytest.raises(LabctlError, match="for somebody else") as error:
        merged(domain)
    assert domain.called == []
    assert "`virsh blockjob shop.web vda --info`" in error.value.hint


def test_a_merge_that_ended_above_what_is_needed_no_more_begins_anew():
    domain = Domain(COMMIT, "/p/web.root._layer-00000000")
    merged(domain)
    assert domain.called == ["abort", "commit", "pivot"]


@pytest.mark.parametrize(
    ("domain", "called"),
    [(Domain(), []), (Domain(COMMIT), ["abort"]), (Domain(COPY), []), (Domain(COMMIT, "/p/other"), [])],
)
def test_merges_are_called_off_and_nothing_else(domain, called):
    block_commit.call_off(domain)
    assert domain.called == called


def test_a_merge_is_called_off_when_the_run_is_to_end():
    domain = Domain()
    with pytest.raises(Interrupted):
        merged(domain, stopped=True)
    assert domain.called == ["commit", "abort"]


def test_a_merge_that_qemu_gave_up_is_told_with_what_to_do():
    domain = Domain(fails=True)
    with pytest.raises(LabctlError, match="did not merge") as error:
        merged(domain)
    assert error.value.hint
