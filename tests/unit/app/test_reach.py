"""Which addresses of a lab's VMs the host reaches."""

import pytest

from labctl.app.reach import reach
from labctl.core.record import replace
from labctl.engine.overview import Overview
from tests.unit.overviews import network, vm


def reached(*vms, networks=None):
    nets = [network(), network("back", ())] if networks is None else networks
    return reach(Overview(list(vms), nets))


def test_the_first_address_on_a_network_of_the_host():
    found = reached(vm(nics=(("back", "10.1.0.2"), ("front", "10.0.0.2"))))
    assert found.logins["web-1"].address == "10.0.0.2"
    assert found.logins["web-1"].jump == ""


def test_the_host_is_on_what_it_bridges_and_on_others_networks_but_never_on_a_macvtap():
    nets = [replace(network("lan", ()), mode="bridge"), replace(network("tap", ()), mode="macvtap")]
    for name, leads in (("lan", True), ("tap", False), ("default", True)):
        guest = vm(nics=((name, "192.0.2.5"),))
        guest.nics[0].reports = True
        found = reached(guest, networks=nets)
        assert ("web-1" in found.logins) is leads, name


def test_a_guest_that_reports_no_address_is_told_as_such():
    silent = vm(nics=(("default", ""),))
    silent.nics[0].reports = True
    assert reached(silent).reasons == {"web-1": "its guest reports no address on default"}


def test_through_another_vm():
    found = reached(
        vm("gate", nics=(("front", "10.0.0.2"), ("back", "10.1.0.2"))),
        vm("db", nics=(("back", "10.1.0.3"),)),
    )
    assert (found.logins["db"].address, found.logins["db"].jump) == ("10.1.0.3", "gate")


def test_no_way_leads_over_a_link_that_is_down():
    web = vm("web-1", nics=(("front", "10.0.0.2"), ("back", "10.1.0.2")))
    db = vm("db", nics=(("back", "10.1.0.3"),))
    web.nics[0].link = "down"
    found = reached(web, db, networks=[network(), network("back", ("10.1.0.1",))])
    assert (found.logins["web-1"].address, found.logins["web-1"].jump) == ("10.1.0.2", "")
    web.nics[1].link = "down"
    found = reached(web, db, networks=[network(), network("back", ())])
    assert found.reasons["web-1"] == "the link of front, back is down"
    assert found.reasons["db"].startswith("the host has no address on its networks (back)")


def test_through_the_libvirt_host():
    assert reached(vm(host="qemu+ssh://root@kvm1:2222/system")).logins["web-1"].jump == "root@kvm1:2222"


@pytest.mark.parametrize(
    ("seen_vm", "why"),
    [
        (vm(nics=(("back", "10.1.0.3"),)), "the host has no address on its networks (back)"),
        (vm(nics=(("lan", ""),)), "no address of it is known"),
        (vm(nics=()), "it has no NIC"),
        (vm(state="off"), "it is off"),
    ],
    ids=["host: false", "bridge", "no NIC", "off"],
)
def test_why_not(seen_vm, why):
    found = reached(seen_vm)
    assert found.logins == {}
    assert found.reasons["web-1"].startswith(why)


def test_a_network_that_is_down_leads_nowhere():
    assert not reached(vm(), networks=[network(active=False)]).logins
