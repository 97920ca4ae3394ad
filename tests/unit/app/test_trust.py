"""The user's yes to what a lab reaches of the host, on libvirt's test driver."""

import zlib
from pathlib import Path

import pytest

from labctl import Ending, Lab, Untrusted
from labctl.app.images import get
from labctl.core.events import Diagnostic
from labctl.host.files import yeses
from labctl.host.host import Host

NODE = "test://" + str(Path(__file__).parents[2] / "libvirt/node.xml")
LABFILE = """\
labfile: 1
name: {name}
defaults: {{image: none, memory: 64MiB, disk: 1MiB, cloud_init: false}}
networks: {{front: {{}}}}
vms:
  web: {{networks: [front], xml: [{edits}]}}
"""
KERNEL = b"\0" * 0x202 + b"HdrS"  # as a kernel for x86 begins
SOUND, VIDEO = (f"{{at: ./devices, add: <{tag}/>}}" for tag in ("sound model='ich6'", "video"))


def written(folder: Path, *edits: str, text: str = LABFILE) -> None:
    """Write a Labfile; its lab is no other test's, since locks are those of the whole machine."""
    name = f"trust-{zlib.crc32(str(folder).encode()):x}"
    (folder / "Labfile.yaml").write_text(text.format(name=name, edits=", ".join(edits)))


@pytest.fixture
def lab_that(tmp_path, monkeypatch):
    """Makes labs of one Labfile by their answers, on one node, which lives as long as its connection."""
    written(tmp_path, SOUND)
    host = Host(NODE)
    monkeypatch.setattr("labctl.app.lab.Host", lambda _uri: host)
    yield lambda trust=False, **options: Lab(tmp_path, trust=trust, **options)
    host.close()


def everything(lab: Lab) -> list[str]:
    (host,) = lab.session().hosts
    return [each.name() for each in (*host.virt.listAllDomains(), *host.virt.listAllNetworks())]


def news(lab: Lab) -> list[str]:
    return [each.subject for each in lab.plan().reaches if not each.trusted]


def test_without_a_yes_nothing_is_changed_and_each_thing_is_named(lab_that, tmp_path):
    lab = lab_that()
    for call in (lab.up, lab.reload):
        with pytest.raises(Untrusted) as caught:
            call()
        assert "edits add at ./devices <sound model='ich6'/>  (" in str(caught.value)
        assert f"{tmp_path}/Labfile.yaml:6:" in str(caught.value)
        assert "--trust" in caught.value.hint
    assert everything(lab) == []
    assert yeses.everything() == {}


def test_who_is_asked_and_says_no_declines(lab_that):
    asked = []
    lab = lab_that(lambda reaches: bool(asked.append([each.subject for each in reaches])))
    assert lab.up(confirm=lambda _plan: pytest.fail("the plan is not asked for")).ending is Ending.DECLINED
    assert asked == [["add at ./devices <sound model='ich6'/>"]]
    assert everything(lab) == []


def test_a_yes_that_came_before_a_no_to_the_plan_is_not_kept(lab_that):
    assert lab_that(trust=True).up(confirm=lambda _plan: False).ending is Ending.DECLINED
    assert news(lab_that()) != []


def test_a_yes_is_remembered_a_thing_at_a_time(lab_that, tmp_path):
    assert lab_that(trust=True).up().ok
    written(tmp_path, SOUND, text=LABFILE.replace("64MiB", "96MiB"))
    assert news(lab_that()) == []
    assert lab_that().up().ok
    written(tmp_path, SOUND, VIDEO)
    assert news(lab_that()) == ["add at ./devices <video/>"]
    with pytest.raises(Untrusted) as caught:
        lab_that().up()
    assert [each.subject for each in caught.value.reaches] == ["add at ./devices <video/>"]


def test_a_yes_that_was_taken_back_is_asked_for_again(lab_that, tmp_path):
    lab_that(trust=True).up()
    yeses.forget(tmp_path / "Labfile.yaml", [each.id for each in lab_that().plan().reaches])
    written(tmp_path, SOUND, text=LABFILE.replace("64MiB", "96MiB"))
    with pytest.raises(Untrusted):
        lab_that().up()


def test_a_yes_for_one_labfile_is_none_for_another(lab_that, tmp_path):
    lab_that(trust=True).up()
    other = tmp_path / "other"
    other.mkdir()
    written(other, SOUND)
    assert news(Lab(other)) != []


def test_what_removes_or_stops_or_changes_nothing_needs_no_yes(lab_that, tmp_path):
    lab_that(trust=True).up()
    yeses.forget(tmp_path / "Labfile.yaml", [each.id for each in lab_that().plan().reaches])
    lab = lab_that()
    assert lab.up().ok, "there is nothing to do"
    assert all(call().ok for call in (lab.suspend, lab.resume, lab.halt, lab.destroy))


def test_a_yes_that_can_not_be_kept_holds_for_the_run(lab_that, monkeypatch):
    monkeypatch.setenv("LABCTL_STATE_DIR", "/dev/null/nowhere")
    lab, events = lab_that(trust=True), []
    lab.subscribe(events.append)
    assert lab.up().ok
    assert [each.severity for each in events if isinstance(each, Diagnostic)] == ["warning"]


def test_what_changes_between_the_yes_and_the_second_look_is_not_run(lab_that, tmp_path, monkeypatch):
    """The second look, under the lock of the subnets, finds another content than the one that was said yes to."""
    (tmp_path.parent / "kernel").write_bytes(KERNEL)
    text = LABFILE.replace("xml: [{edits}]", "boot: {{kernel: ../kernel}}")
    written(tmp_path, text=text)

    def meanwhile(_plan) -> bool:
        (tmp_path.parent / "kernel").write_bytes(KERNEL + b"2")
        return True

    lab = lab_that(trust=True)
    with pytest.raises(Untrusted) as caught:
        lab.up(confirm=meanwhile)
    assert [each.subject for each in caught.value.reaches] == [str(tmp_path.parent / "kernel")]
    assert everything(lab) == []


def test_a_secret_is_not_told(lab_that, tmp_path):
    """Also where the same text stands in the Labfile as such."""
    text = LABFILE + "parameters: {{note: {{type: string, secret: true}}}}\n"
    written(tmp_path, text=text.replace("xml: [{edits}]", "ready: [{{http: 'http://127.0.0.1/hunter2'}}]"))
    with pytest.raises(Untrusted) as caught:
        lab_that(sets={"note": "hunter2"}).up()
    assert "hunter2" not in str(caught.value)
    assert "***" in str(caught.value)
    assert "hunter2" not in str(caught.value.reaches)


def test_a_yes_to_what_holds_a_secret_is_for_the_run_and_that_is_told(lab_that, tmp_path):
    written(tmp_path, SOUND, text=LABFILE + "parameters: {{note: {{type: string, secret: true}}}}\n")
    lab, events = lab_that(trust=True, sets={"note": "ich6"}), []
    lab.subscribe(events.append)
    assert lab.up().ok
    told = [each.summary for each in events if isinstance(each, Diagnostic)]
    assert told == ["a yes to what holds the text of a secret is for this run alone"]
    assert yeses.everything() == {}


def test_images_of_the_labfile_are_asked_for_as_well(lab_that, tmp_path):
    (tmp_path.parent / "disk.raw").write_bytes(b"\0" * 510 + b"\x55\xaa" + b"\0" * ((1 << 20) - 512))
    written(tmp_path, text=LABFILE.replace("xml: [{edits}]", "image: ../disk.raw"))
    with pytest.raises(Untrusted):
        get.of_labfile(lab_that().session(), lambda _event: None)
