"""What is done already in guests that go on from a warm state."""

from xml.etree import ElementTree as ET

import pytest

from labctl.app import remembered
from labctl.app.desired_state import up
from labctl.core.address import Address
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.core.spec import of_kind
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.folder.spec import FolderSpec
from labctl.kinds.provision.spec import ProvisionSpec
from labctl.kinds.vm import definition, xml
from labctl.kinds.vm.spec import VmSpec
from labctl.kinds.warm.spec import WarmDisk, WarmSpec, WarmVm
from tests.composed import applied, specs

WEB, ROOT, SITE = Address("vm", "web"), Address("disk", "web/root"), Address("folder", "web/srv/x")
SHELL, FETCH, ALL = (Address("provision", each) for each in ("web/1", "web/2", "1"))
STATE = WarmSpec("shop", "k", taken="2026-11-26T12:03:09+00:00")
DATA, SHARED, OTHER = (Address("disk", each) for each in ("web/data", "shared", "other"))
LAB = {
    "vms": {
        "web": {
            "image": "debian-12",
            "folders": [{"source": "/usr/share", "target": "/srv/x", "type": "rsync"}],
            "provision": [{"shell": "x"}, {"fetch": {"source": "/etc/x", "target": "got"}}],
        },
        "db": {"image": "debian-12"},
    },
    "provision": [{"shell": "all"}],
}
WITH_DISKS = {
    "web": {
        **LAB["vms"]["web"],
        "disks": [{"name": "data", "size": "1MiB"}, {"name": "shared", "volume": "shared"}],
    },
    "db": {**LAB["vms"]["db"], "disks": [{"name": "other", "volume": "other"}]},
}


def saved(wanted) -> WarmSpec:
    """The state that was saved when all of this was done."""
    vms = []
    for vm in of_kind(applied(wanted).values(), VmSpec):
        folders = {
            each.target: each.recorded()
            for each in of_kind(wanted.values(), FolderSpec)
            if each.vm == vm.name
        }
        noted = replace(vm, records={**vm.records, FolderSpec.kind: folders})
        vms.append(
            WarmVm(vm.name, definition=ET.tostring(definition.anew(noted, None, ""), encoding="unicode"))
        )
    disks = tuple(WarmDisk(each.name, f"_warm.{each.name}") for each in of_kind(wanted.values(), DiskSpec))
    return replace(STATE, vms=tuple(vms), disks=disks)


def standing(wanted, state, *left):
    """What exists where a run made all of the lab from the state but what is `left`."""
    volumes = {each.name: each.volume for each in state.disks}
    made = {address: spec for address, spec in applied(wanted).items() if address not in left}
    disks = {
        each.address: replace(each, saved=volumes[each.name]) for each in of_kind(made.values(), DiskSpec)
    }
    return {**made, **disks, state.address: state}


def done(wanted, observed, begins=None):
    vms = remembered.look(wanted, observed, begins)
    return remembered.done(wanted, observed, vms), remembered.noted(wanted, vms)


def test_what_is_done_in_the_state_is_not_done_again_but_what_came_to_this_machine_is():
    """A fresh clone of the Labfile's folder lacks what was fetched."""
    wanted = specs(LAB)
    found, noted = done(wanted, {}, saved(wanted))
    assert found.keys() == {SHELL, ALL, SITE}
    assert len(noted[WEB].records[ProvisionSpec.kind]) == 2, (
        "so that it is fetched too after a run that was killed"
    )


def test_a_vm_that_was_not_made_yet_has_its_steps_done_on_the_disk_that_was():
    wanted = specs(LAB)
    state = saved(wanted)
    observed = standing(wanted, state, WEB, SITE)
    found, noted = done(wanted, observed)
    assert found.keys() == {SHELL, ALL, SITE}
    assert found[ALL].on == ("web", "db")
    steps = [each.address for each in plan(up()(noted, {**observed, **found}), {**observed, **found}).steps]
    assert not {SHELL, ALL} & {*steps}
    assert {WEB, FETCH} <= {*steps}


def test_its_definition_says_so_to_later_plans():
    wanted = specs(LAB)
    state = saved(wanted)
    noted = done(wanted, standing(wanted, state, WEB))[1][WEB]
    again = xml.read(definition.anew(noted, None, ""))
    assert again.records == noted.records
    assert {*again.records} == {FolderSpec.kind, ProvisionSpec.kind}


def test_what_its_memory_came_with_is_noted_but_for_what_was_fetched():
    wanted = specs(LAB)
    state = saved(wanted)
    noted = done(wanted, {}, state)[1][WEB]
    past = definition.past(state.vms[0].definition, None, remembers=True)
    memory = replace(noted, saved="/x")
    assert len(xml.read(past.defined).records[ProvisionSpec.kind]) == 3
    assert len(xml.read(definition.anew(memory, past, "")).records[ProvisionSpec.kind]) == 2


@pytest.mark.parametrize(
    "edit",
    [
        lambda disk: replace(disk, saved=""),
        lambda disk: replace(disk, saved="_warm.of.another.state"),
        lambda disk: replace(disk, base="of another image"),  # it will be made anew
    ],
)
def test_a_disk_that_does_not_go_on_from_the_state_remembers_nothing(edit):
    wanted = specs(LAB)
    observed = standing(wanted, saved(wanted), WEB)
    assert done(wanted, {**observed, ROOT: edit(observed[ROOT])}) == ({}, wanted)


def test_a_disk_may_stand_on_another_state_than_that_of_the_next_up():
    wanted = specs(LAB)
    aside = replace(saved(wanted), aside=True)
    newest = replace(STATE, key="newest")
    observed = {newest.address: newest, **standing(wanted, aside, WEB, SITE)}
    assert done(wanted, observed)[0].keys() == {SHELL, ALL, SITE}


def test_a_vm_that_exists_knows_best_itself():
    wanted = specs(LAB)
    assert done(wanted, standing(wanted, saved(wanted))) == ({}, wanted)


def test_what_was_copied_before_the_save_is_not_copied_again():
    """Where the source has other content now, the plan sees that; a folder that nobody wants any more is not there."""
    wanted = specs(LAB)
    state = saved(wanted)
    copied = wanted[SITE]
    other = {**wanted, SITE: replace(copied, content="2" * 64)}
    assert done(other, {}, state)[0][SITE].content == copied.content
    gone = {address: spec for address, spec in wanted.items() if address != SITE}
    assert SITE not in done(gone, {}, state)[0]


def test_a_disk_that_a_run_did_not_come_to_begins_with_the_state_as_the_system_did():
    """The guest boots where its steps are done: what they left on other disks is not blank."""
    wanted = specs(
        {**LAB, "vms": WITH_DISKS, "volumes": {name: {"size": "1MiB"} for name in ("shared", "other")}}
    )
    state = saved(wanted)
    state = replace(state, disks=tuple(WarmDisk(each.name, volume(each.name)) for each in state.disks))
    observed = standing(wanted, state, WEB, SITE, DATA, SHARED, OTHER)
    vms = remembered.look(wanted, observed, None)
    made = remembered.completed(wanted, observed, vms)
    assert {each: made[each].saved for each in (DATA, SHARED, OTHER)} == {
        DATA: volume("web/data"),
        SHARED: volume("shared"),
        OTHER: "",
    }
    lacking = replace(state, disks=tuple(each for each in state.disks if each.name != "shared"))
    made = remembered.completed(wanted, {**observed, state.address: lacking}, vms)
    assert (made[DATA].saved, made[SHARED].saved) == (volume("web/data"), "")
    assert remembered.completed(wanted, standing(wanted, state, SHARED), {}) == wanted, "it was removed since"


def volume(disk: str) -> str:
    return STATE.disk_volume(disk)
