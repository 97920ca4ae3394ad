"""labctl as a library, on libvirt's test driver."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import labctl
from labctl import Ending, Finished, Lab, NotReady, PlanReady, Refused, Rejected, RunFailed, UsageError, api
from labctl.core.events import StepStarted
from tests.waiting import wait_until

NODE = "test://" + str(Path(__file__).parents[2] / "libvirt/node.xml")
LABFILE = """\
labfile: 1
name: {name}
parameters: {{n: {{type: integer, default: 2}}, token: {{type: string, secret: true}}}}
defaults: {{image: none, memory: 64MiB, disk: 1MiB, cloud_init: false}}
vms:
  web: {{count: "${{n}}"}}
"""


def lab_in(folder: Path, name: str = "shop") -> Lab:
    folder.mkdir(exist_ok=True)
    (folder / "Labfile.yaml").write_text(LABFILE.format(name=name))
    return Lab(folder, connect=NODE, sets={"token": "hunter2"})


@pytest.fixture
def lab(tmp_path):
    with lab_in(tmp_path) as made:
        yield made


def virt(lab: Lab):
    (host,) = lab.session().hosts
    return host.virt


def everything(lab: Lab) -> list[str]:
    return [each.name() for each in virt(lab).listAllDomains()]


def test_it_is_drawn(lab):
    assert "○ web-1" in lab.graph()
    assert lab.graph("mermaid").startswith("flowchart")
    with pytest.raises(UsageError, match="graph has no format pdf") as refused:
        lab.graph("pdf")
    assert refused.value.hint == "it has text, svg, png, dot, mermaid"


def test_it_is_waited_until_vms_have_reached_a_stage(lab):
    seen = []
    lab.subscribe(seen.append)
    with pytest.raises(NotReady, match="vm/web-2 is not created after 0 s: it does not exist yet"):
        lab.wait(["web:created"], timeout=0)
    lab.up()
    seen.clear()
    lab.wait(timeout=0)
    assert [(event.vm, event.stage) for event in seen] == [("web-1", "ready"), ("web-2", "ready")]


def test_a_lab_is_planned_made_and_taken_away(lab):
    assert [str(step.action) for step in lab.plan().steps if step.address.kind == "vm"] == [
        "create",
        "create",
    ]
    assert lab.up().ok
    assert not lab.plan()
    assert {row.name: row.state for row in lab.status().rows} == {"web-1": "running", "web-2": "running"}
    assert lab.halt(["web-1"]).ok
    assert {row.name: row.state for row in lab.status().rows} == {"web-1": "off", "web-2": "running"}
    assert lab.destroy().ok
    assert everything(lab) == []


def test_each_call_reads_the_labfile_anew(lab):
    lab.up()
    path = Path(lab.labfile)
    path.write_text(path.read_text().replace("64MiB", "96MiB"))
    assert "memory" in str(lab.plan())
    assert lab.up().ok
    assert not lab.plan()


def test_every_mistake_of_a_labfile_is_an_error_before_libvirt_is_asked(tmp_path):
    (tmp_path / "Labfile.yaml").write_text("labfile: 1\nname: shop\nnmae: x\nvms: {a: {memroy: 1}}\n")
    lab = Lab(tmp_path, connect="nowhere:///")
    for call in (lab.plan, lab.up, lab.reload):
        with pytest.raises(Rejected) as caught:
            call()
        assert len(caught.value.problems) > 1
    assert not lab.validate().ok


def test_without_a_labfile_the_calls_say_so(tmp_path):
    lab = Lab(tmp_path / "gone.yaml", connect=NODE)
    for call in (lab.plan, lab.up, lab.destroy, lab.status):
        with pytest.raises(UsageError, match="no such file"):
            call()


def test_a_plan_that_is_declined_changes_nothing(lab):
    plans = []
    finished = lab.up(confirm=lambda plan: bool(plans.append(plan)))
    assert (finished.ending, finished.ok) == (Ending.DECLINED, False)
    assert [str(plan) for plan in plans] == [str(lab.plan())]
    assert everything(lab) == []


def test_what_stands_against_a_plan_is_refused_before_the_first_change(lab):
    domain = (
        "<domain type='test'><name>shop.web-1</name><memory>1024</memory><os><type>hvm</type></os></domain>"
    )
    virt(lab).defineXML(domain)
    events = []
    lab.subscribe(events.append)
    with pytest.raises(Refused, match="was not made by labctl"):
        lab.up()
    assert events == [], "there is no plan"
    assert everything(lab) == ["shop.web-1"]


def test_a_run_that_fails_is_an_error_that_says_why(lab):
    """Somebody takes a VM's name between the plan and the run."""
    domain = (
        "<domain type='test'><name>shop.web-1</name><memory>1024</memory><os><type>hvm</type></os></domain>"
    )

    def meanwhile(_plan):
        return bool(virt(lab).defineXML(domain))

    with pytest.raises(RunFailed) as caught:
        lab.up(confirm=meanwhile)
    assert caught.value.finished.ending is Ending.FAILED
    assert [each.address for each in caught.value.failures] == ["vm/web-1"]
    assert "vm/web-1: " in str(caught.value)


def test_several_sinks_see_a_run_and_a_late_one_all_of_it(lab):
    early, late = [], []

    def sink(event):
        early.append(event)
        if isinstance(event, StepStarted) and not late:
            lab.subscribe(late.append)

    lab.subscribe(sink)
    lab.up()
    assert isinstance(early[0], PlanReady)
    assert isinstance(early[-1], Finished)
    assert late == early
    lab.unsubscribe(sink)
    lab.up()
    assert len(late) > len(early)


def test_a_sink_that_fails_does_not_end_the_run(lab):
    def broken(_event):
        raise ZeroDivisionError

    lab.subscribe(broken)
    with pytest.raises(ZeroDivisionError):
        lab.up()
    assert not lab.plan()


def test_secrets_reach_neither_sinks_nor_plans(lab):
    """Also where the same text stands in the Labfile as such."""
    path = Path(lab.labfile)
    path.write_text(path.read_text().replace('"${n}"', '2, xml: [{at: ".", add: "<title>hunter2</title>"}]'))
    events = []
    lab.subscribe(events.append)
    plan = str(lab.plan())
    lab.up()
    assert "***" in plan
    assert "hunter2" not in plan + str([event.to_json() for event in events])


def test_a_run_is_stopped_from_another_thread(lab):
    """Asked while it plans or asks, it ends before its first change."""

    def confirm(_plan):
        asker = threading.Thread(target=lab.stop)
        asker.start()
        asker.join()
        return True

    with pytest.raises(RunFailed) as caught:
        lab.up(confirm=confirm)
    assert caught.value.finished.ending is Ending.INTERRUPTED
    assert everything(lab) == []
    assert not lab.stop(), "nothing runs any more"
    assert lab.up().ok, "the next run was not asked to end"


def test_labs_in_several_threads_at_once(tmp_path):
    labs = [lab_in(tmp_path / name, name) for name in ("shop", "mill", "farm")]
    with ThreadPoolExecutor(3) as threads:
        assert all(each.ok for each in threads.map(lambda lab: lab.up(), labs))
        assert not any(threads.map(lambda lab: lab.plan(), labs))
        assert all(each.ok for each in threads.map(lambda lab: lab.destroy(), labs))
    for lab in labs:
        lab.close()


@pytest.mark.parametrize("aside", [False, True], ids=["blocking", "in a thread"])
def test_beside_a_running_event_loop(lab, aside):
    async def use():
        return await asyncio.to_thread(lab.up) if aside else lab.up()

    assert asyncio.run(use()).ok
    assert not lab.plan()


def test_a_closed_lab_connects_again(tmp_path):
    lab = lab_in(tmp_path)
    lab.up()
    lab.close()
    lab.close()
    assert lab.plan(), "the node of libvirt's test driver went with its connection"
    lab.close()


def test_closing_leaves_no_thread_of_the_connection(tmp_path):
    before = set(threading.enumerate())
    with lab_in(tmp_path) as lab:
        lab.up()

    def left() -> set[str]:
        return {each.name for each in set(threading.enumerate()) - before} - {"libvirt-events"}

    wait_until(lambda: not left())


def test_the_package_has_the_public_names_and_only_modules_besides():
    assert labctl.Lab is Lab
    assert all(name[0].isupper() and getattr(labctl, name) is getattr(api, name) for name in api.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'lab'"):
        _ = labctl.lab
