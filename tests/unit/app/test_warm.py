"""What is known and told of warm labs."""

from types import SimpleNamespace
from xml.etree import ElementTree as ET

from labctl.app import warm
from labctl.core import records
from labctl.core.identity import records_namespace
from labctl.core.record import replace
from labctl.kinds.folder.spec import FolderSpec
from labctl.kinds.vm import xml
from labctl.kinds.vm.spec import VmSpec
from labctl.kinds.warm.spec import WarmSpec, WarmVm

STATE = WarmSpec("shop", "0123456789abcdef", taken="2026-11-26T12:03:00+00:00", took_s=112.4)
SITE = FolderSpec("shop", "web", "/srv/site", "/home/me/site", content="1" * 64)


def told(state: WarmSpec | None, seconds: float) -> list[str]:
    events = []
    warm.tell_gain(SimpleNamespace(warm=warm.Warmth(state)), seconds, events.append)
    return [event.summary for event in events]


def test_a_lab_that_came_back_is_compared_with_its_boot():
    assert told(STATE, 6.78) == ["the lab came back in 6.8 s; to boot and provision it took 1 min 52 s"]


def test_a_lab_that_booted_is_compared_with_nothing():
    assert told(None, 112.4) == []


def saved_with(*folders: FolderSpec) -> WarmSpec:
    root = xml.render(VmSpec("shop", "web", cpus=1, memory=1 << 29))
    element = ET.fromstring(records.render({each.target: each.recorded() for each in folders}))
    element.tag = f"{{{records_namespace(FolderSpec.kind)}}}records"
    root.find("metadata").append(element)
    return replace(STATE, vms=(WarmVm("web", definition=ET.tostring(root, encoding="unicode")),))


def test_what_was_copied_before_the_save_is_not_copied_again():
    """Where the source has other content now, the plan sees that; a folder that nobody wants any more is not there."""
    gone = replace(SITE, target="/srv/gone")
    for wanted in (SITE, replace(SITE, content="2" * 64)):
        done = warm.done({wanted.address: wanted}, warm.Warmth(saved_with(SITE, gone)))
        assert done == {SITE.address: SITE}
    assert warm.done({SITE.address: SITE}, warm.Warmth()) == {}
