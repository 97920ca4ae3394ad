"""What a Labfile that changes leads to."""

from queue import SimpleQueue
from types import SimpleNamespace

import pytest

from labctl.app import watch
from labctl.app.session import Session
from labctl.core.errors import LabctlError, LabHeld, RunFailed, StoppedAtOnce
from labctl.core.events import Diagnostic, Ending, Finished
from labctl.core.lifecycle import State
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.provision.spec import ProvisionSpec
from labctl.kinds.vm.disks_and_nics import DiskUse, NicUse
from labctl.kinds.vm.spec import VmSpec

NETWORK = NetworkSpec("shop", "front", bridge="lab-1", subnet4="10.0.0.0/24", host4="10.0.0.1/24")
NIC = NicUse("front", "52:54:00:00:00:01", "shop.front", "front")
ROOT = DiskUse("root", "/pool/web.root", "web/root", target="vda")
DISK = DiskSpec("shop", "web/root", 1 << 30, base="sha256-a.img", image="a")
VM = VmSpec("shop", "web", disks=(ROOT,), nics=(NIC,), memory=1 << 29, max_memory=1 << 30, ready=True)


def lab(*specs):
    return {spec.address: spec for spec in specs}


BEFORE = lab(NETWORK, DISK, VM)


@pytest.mark.parametrize(
    ("after", "needing"),
    [
        (BEFORE, []),
        (lab(NETWORK, DISK, replace(VM, memory=1 << 30)), []),
        (BEFORE | lab(replace(VM, name="db", disks=())), []),
        (lab(NETWORK, replace(DISK, size=1 << 31), VM), []),
        (lab(NETWORK, DISK, replace(VM, cpus=2)), ["vm/web restarts"]),
        (lab(NETWORK, DISK, replace(VM, state=State.OFF)), ["vm/web is shut down"]),
        (
            lab(NETWORK, replace(DISK, base="sha256-b.img"), VM),
            ["disk/web/root is replaced", "vm/web is replaced"],
        ),
        (lab(NETWORK), ["disk/web/root is deleted", "vm/web is deleted"]),
    ],
    ids=["nothing", "memory", "vm-comes", "disk-grows", "cpus", "off", "image", "vm-goes"],
)
def test_all_but_what_is_live_needs_a_yes(after, needing):
    assert watch.needing_a_yes(plan(after, BEFORE, lab="shop")) == needing


def test_a_step_that_restarts_its_guest_needs_a_yes():
    step = ProvisionSpec("web", 1, "key", on=("web",))
    assert watch.needing_a_yes(plan(BEFORE | lab(step), BEFORE, lab="shop")) == []
    restarting = replace(step, reboot=True)
    assert watch.needing_a_yes(plan(BEFORE | lab(restarting), BEFORE, lab="shop")) == [
        "provision/web/1 restarts web"
    ]


class Sink(list):
    def __call__(self, event):
        self.append(event)


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def rounds(session, sink, monkeypatch, tmp_path):
    """Runs rounds, each after an edit of the Labfile; gives what was told."""
    monkeypatch.setattr(watch, "HELD_POLL_S", 0)
    monkeypatch.setattr(watch.folders, "copied_sources", lambda _session: [tmp_path / "copied"])

    class Over(Exception):
        pass

    def rounds(*edits, apply=lambda: None):
        left = iter(edits)

        def settled(_changes):
            text = next(left, None)
            if text is None:
                raise Over
            (session.lab_path).write_text(text)
            return (session.lab_path,)

        monkeypatch.setattr(watch, "settled", settled)
        with pytest.raises(Over):
            watch.watch(session.start, apply, lambda: None, sink)
        return [str(each.summary) for each in sink if isinstance(each, Diagnostic)]

    return rounds


@pytest.fixture
def session(session):
    class Starts:
        """Sessions of one Labfile."""

        lab_path = session.lab.path
        text = lab_path.read_text()

        def start(self):
            return replace(session)

    return Starts()


def test_each_edit_is_applied(session, rounds):
    applied = []
    told = rounds(session.text, session.text, apply=lambda: applied.append(1))
    assert len(applied) == 3
    assert [each.endswith("Labfile.yaml changed") for each in told] == [True, True]


def test_what_changes_in_a_folder_of_rsync_is_copied_and_nothing_else_is_done(
    session, sink, monkeypatch, tmp_path
):
    copied = tmp_path / "copied"
    copied.mkdir()
    monkeypatch.setattr(watch.folders, "copied_sources", lambda _session: [copied])
    done, changes = [], [copied / "page", session.lab_path, copied / "page"]

    def settled(_changes):
        if not changes:
            raise KeyboardInterrupt
        return (changes.pop(0),)

    monkeypatch.setattr(watch, "settled", settled)
    with pytest.raises(KeyboardInterrupt):
        watch.watch(session.start, lambda: done.append("apply"), lambda: done.append("sync"), sink)
    assert done == ["apply", "sync", "apply", "sync"]


def test_a_wrong_labfile_is_told_and_the_next_one_is_applied(session, rounds):
    applied = []
    told = rounds("labfile: 1\nname: SHOP\n", session.text, apply=lambda: applied.append(1))
    assert len(applied) == 2
    assert any("name: " in each for each in told)
    assert told[-2] == "nothing was changed: 1 problem"


def test_a_labfile_that_goes_while_it_is_watched_is_told_once(session, sink, monkeypatch):
    applied, rounds = [], iter([session.lab_path.unlink, lambda: session.lab_path.write_text(session.text)])

    def settled(_changes):
        step = next(rounds, None)
        if step is None:
            raise KeyboardInterrupt
        step()
        return (session.lab_path,)

    monkeypatch.setattr(watch, "settled", settled)
    monkeypatch.setattr(watch.folders, "copied_sources", lambda _session: [])
    with pytest.raises(KeyboardInterrupt):
        watch.watch(session.start, lambda: applied.append(1), lambda: None, sink)
    assert len(applied) == 2
    assert [each.severity for each in sink] == ["note", "warning", "note", "note"]


@pytest.mark.parametrize(
    "error",
    [LabctlError("no space"), RunFailed(Finished(Ending.FAILED)), RunFailed(Finished(Ending.UNREADY))],
)
def test_it_goes_on_after_what_failed(session, rounds, error):
    outcomes = iter([error, None])

    def apply():
        if outcome := next(outcomes):
            raise outcome

    told = rounds(session.text, apply=apply)
    assert next(outcomes, "none left") == "none left"
    assert ("no space" in told) == (type(error) is LabctlError)


def test_a_lab_that_somebody_else_changes_is_waited_for(session, rounds):
    outcomes = iter([LabHeld("PID 7 of root holds it"), LabHeld("PID 7 of root holds it"), None])

    def apply():
        if outcome := next(outcomes):
            raise outcome

    assert rounds(apply=apply) == ["PID 7 of root holds it; waiting"]
    assert next(outcomes, "none left") == "none left"


@pytest.mark.parametrize("error", [RunFailed(Finished(Ending.INTERRUPTED)), StoppedAtOnce("now")])
def test_whoever_ends_a_run_ends_the_watching(session, sink, error):
    def apply():
        raise error

    with pytest.raises(type(error)):
        watch.watch(session.start, apply, lambda: None, sink)


def test_what_changes_together_is_told_together(session):
    changes = SimpleQueue()
    for each in "abca":
        changes.put(session.lab_path.with_name(each))
    found = watch.settled(changes)
    assert [each.name for each in found] == ["a", "b", "c"]
    assert watch._names([*found, *found, session.lab_path]).endswith(" and 1 more")  # noqa: SLF001


def test_what_a_playbook_is_played_from_is_watched_but_for_what_steps_fetch(tmp_path, monkeypatch, sink):
    """And a Labfile that is wrong is watched alone with the files that it names."""
    monkeypatch.setattr(watch.folders, "copied_sources", lambda _session: [])
    path, seen = tmp_path / "Labfile.yaml", []
    watcher = SimpleNamespace(watch=lambda *what: seen.append(what))
    (tmp_path / "play").mkdir()
    (tmp_path / "play/site.yml").write_text("[]")
    steps = "[{ansible: {playbook: play/site.yml}}, {fetch: {source: /x, target: play/got}}]"
    text = f"labfile: 1\nname: shop\nvms: {{web: {{image: debian-12, provision: {steps}}}}}\n"
    path.write_text(text)
    assert watch.loads(Session(None, str(path)), watcher, sink)
    ((files, _, played),) = seen
    assert {path, tmp_path / "play/site.yml"} <= set(files)
    assert played == {tmp_path / "play": (path, tmp_path / "Labfile.lock", tmp_path / "play/got")}
    path.write_text(text.replace("image", "imgae"))
    assert not watch.loads(Session(None, str(path)), watcher, sink)
    assert (path in seen[1][0], seen[1][2]) == (True, {})
