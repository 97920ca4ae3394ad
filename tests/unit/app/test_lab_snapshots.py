"""The snapshots of a lab by calls, on libvirt's test driver, which can take none: tests/e2e has the rest."""

import inspect
from pathlib import Path

import pytest

from labctl import Lab, LabctlError, PlanReady, RunFailed, UsageError
from labctl.app.lab_snapshots import Snapshots
from labctl.core.events import Ending

NODE = "test://" + str(Path(__file__).parents[2] / "libvirt/node.xml")
LABFILE = """\
labfile: 1
name: shop
parameters: {token: {type: string, secret: true}}
defaults: {image: none, memory: 64MiB, disk: 1MiB, cloud_init: false}
vms: {web: {}}
"""


def lab_in(folder, connect=NODE):
    (folder / "Labfile.yaml").write_text(LABFILE)
    return Lab(folder, connect=connect, sets={"token": "hunter2"})


@pytest.fixture
def lab(tmp_path):
    with lab_in(tmp_path) as made:
        yield made


@pytest.mark.parametrize("face", [Lab, Snapshots])
def test_all_that_the_library_shows_has_its_words(face):
    public = {name: each for name, each in inspect.getmembers(face) if not name.startswith("_")}
    assert [name for name, each in public.items() if not inspect.getdoc(each)] == []
    assert "run" not in public


def test_a_lab_without_snapshots_lists_none_and_shows_none(lab):
    assert lab.snapshots.list().to_json() == {"format": 1, "lab": "shop", "current": None, "snapshots": []}
    with pytest.raises(UsageError, match="no snapshot is called s1"):
        lab.snapshots.show("s1")


def test_errors_of_a_look_have_no_secrets(tmp_path):
    with lab_in(tmp_path, "test:///nowhere/hunter2.xml") as lab, pytest.raises(LabctlError) as error:
        lab.snapshots.list()
    assert "hunter2" not in str(error.value)


def test_a_snapshot_that_fails_is_an_error_with_its_plan_asked_before(lab):
    asked = []
    lab.up()
    with pytest.raises(RunFailed) as error:
        lab.snapshots.save(message="fine", confirm=lambda plan: not asked.append(plan))
    assert error.value.finished.ending is Ending.FAILED
    assert [str(step.address) for step in asked[0].steps] == ["snapshot/s1"]


def test_who_says_no_keeps_everything_as_it_is(lab):
    lab.up()
    events = []
    lab.subscribe(events.append)
    assert lab.snapshots.save(confirm=lambda _plan: False).ending is Ending.DECLINED
    assert any(isinstance(each, PlanReady) for each in events)
    assert lab.snapshots.prune(keep=0).ending is Ending.DONE
    with pytest.raises(UsageError, match="no snapshot is called s1"):
        lab.snapshots.delete(["s1"])
    with pytest.raises(UsageError, match="no snapshot is called s1"):
        lab.snapshots.restore("s1")
