"""Which VMs are meant where several may be."""

import pytest

from labctl.app.one_vm import look
from labctl.app.several_vms import several
from labctl.core.errors import UsageError
from tests.unit.overviews import seen, vm


def chosen(session, *vms, groups=(), every=False):
    return list(several(session, look(session), vms, groups, every=every))


@pytest.fixture(autouse=True)
def lab(monkeypatch, tmp_path):
    seen(monkeypatch, vm("db"), vm("left"))


def test_vms_are_named_or_all(session):
    assert chosen(session, "db", "web", "web-2") == ["db", "web-1", "web-2"]
    assert sorted(chosen(session, every=True)) == ["db", "left", "web-1", "web-2"]


def test_all_that_is_unknown_is_told(session):
    with pytest.raises(UsageError) as caught:
        chosen(session, "dbb", "lefft", groups=["front"])
    assert str(caught.value).splitlines() == [
        "no VM is called dbb (did you mean db?)",
        "no VM is called lefft (did you mean left?)",
        "no group is called front (there is no group yet)",
    ]


def test_those_that_are_named_are_told_from_those_of_all(session):
    assert several(session, look(session), ["db"], [], every=True) == {
        "web-1": False, "web-2": False, "db": True, "left": False,
    }  # fmt: skip


def test_nothing_said_is_told_unless_there_is_one(session):
    with pytest.raises(UsageError, match=r"which VM\?"):
        chosen(session)
