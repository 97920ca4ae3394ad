"""What `wait` waits for, and what it says when the time is up; tests/libvirt has its events, tests/e2e its guests."""

import pytest

from labctl.app import wait
from labctl.app.wait import Goal, Place, goals
from labctl.core.errors import UsageError
from labctl.core.lifecycle import Stage, State
from labctl.guest.protocol import GuestState
from tests.unit.overviews import seen, vm

READY = Stage.READY


def test_without_words_it_is_all_vms_that_are_to_run(session):
    assert goals(session, []) == [Goal("web-1", READY), Goal("web-2", READY), Goal("db", READY)]


def test_a_counted_vm_means_its_instances_and_each_word_may_have_a_stage(session):
    assert goals(session, ["web:started", "db", "web-1"]) == [
        Goal("web-1", Stage.STARTED),
        Goal("web-2", Stage.STARTED),
        Goal("db", READY),
        Goal("web-1", READY),
    ]


@pytest.mark.parametrize(
    ("word", "summary", "hint"),
    [
        ("wep", "no VM is called wep", "did you mean web?"),
        ("db:redy", "db:redy: there is no stage redy", "did you mean ready?"),
        ("db:", "db:: there is no stage ", ""),
        ("db:off", "db:off: there is no stage off", ""),
    ],
)
def test_unknown_names_and_stages_are_told_with_the_nearest(session, word, summary, hint):
    with pytest.raises(UsageError) as caught:
        goals(session, [word])
    assert caught.value.summary == summary
    assert hint in caught.value.hint


def test_a_vm_that_is_to_be_off_gets_no_further_than_created(session):
    text = (session.lab.folder / "Labfile.yaml").read_text()
    (session.lab.folder / "Labfile.yaml").write_text(text.replace("db: {", "db: {state: off, "))
    del session.__dict__["loaded"]
    assert "db" not in [each.vm for each in goals(session, [])]
    assert goals(session, ["db:created"]) == [Goal("db", Stage.CREATED)]
    with pytest.raises(UsageError, match="db never is ready: the Labfile says state: off"):
        goals(session, ["db"])


def test_how_far_a_vm_is():
    booting, booted = GuestState("config"), GuestState("done")
    runs, blamed = vm(ready=False), vm(ready=False, problem="cloud-init failed")
    places = [
        (Place(None), None, "it does not exist yet"),
        (Place(vm(state=State.OFF)), Stage.CREATED, "it is off"),
        (Place(vm(state=State.PAUSED)), Stage.CREATED, "it is paused"),
        (Place(runs), Stage.STARTED, "it runs and is not ready"),
        (Place(runs, booting), Stage.STARTED, "it boots, at cloud-init's stage config"),
        (Place(runs, booted), Stage.BOOTED, "it has booted and is not ready"),
        (Place(blamed), Stage.STARTED, "it runs and is not ready: cloud-init failed"),
    ]
    assert [(place, place.stage, str(place)) for place, *_ in places] == places
    assert Place(vm(ready=True)).stage == READY
    nothing_tells = vm(ready=False, awaited=False)
    assert Place(nothing_tells).stage == READY


def test_a_guest_is_asked_only_for_what_libvirt_does_not_know(session, monkeypatch):
    """Its port has one listener, and `up` needs it."""
    asked = []
    monkeypatch.setattr(wait, "_asked", lambda _session, vms: asked.append(sorted(vms)) or {})
    seen(monkeypatch, vm("web-1", ready=False), vm("web-2", "off"), vm("db", ready=False, seeded=False))
    wait.look(session, goals(session, []))
    wait.look(session, goals(session, ["web:booted", "db:booted"]))
    wait.look(session, goals(session, []), ask=True)
    assert asked == [[], ["web-1"], ["web-1"]]
