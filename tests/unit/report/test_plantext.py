"""The plan as people see it."""

import re
from ipaddress import IPv4Address

import pytest
import yaml

from labctl.core.address import Address
from labctl.core.plan import Plan
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.core.spec import YES
from labctl.engine.edits import with_xml_edits
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.image.spec import ImageSpec
from labctl.kinds.network.spec import DhcpHost, NetworkSpec
from labctl.kinds.vm.spec import VmSpec
from labctl.report.colour import Paint, unsealed
from labctl.report.phrases import seconds
from labctl.report.plantext import Style, render
from labctl.report.table import table
from tests.composed import applied, specs
from tests.unit.report.samples import sample, state_changed

GIB = 1 << 30
COLOURED = Style(Paint(enabled=True))
THREE = yaml.safe_load("""
defaults: {image: debian-12, memory: 512MiB}
networks: {front: {subnet: 10.90.0.0/24}, back: {mode: isolated, subnet: 10.90.1.0/24}}
vms:
  db: {networks: [back], disks: [{name: data, size: 5GiB}]}
  web: {count: 2, networks: [front, back], depends_on: [db]}
""")


def text(content: dict, width: int | None = 80, before: dict | None = None, **style) -> str:
    """The plan that leads from one Labfile to another, or from nothing."""
    there = applied(specs(before)) if before else {}
    made = plan(specs(content, there), there, lab="shop", connection="qemu:///system")
    return render(made, Style(width=width, **style))


def line_of(name: str, content: dict) -> str:
    """What is told of something new, without its name."""
    lines = text(content, None).splitlines()
    return next(line for line in lines if line.startswith(f"  + {name}  ")).split(maxsplit=2)[2]


def test_one_step_of_each_action(golden):
    golden("plan.txt", render(sample(), Style()) + "\n")


def test_colours_change_nothing_but_colour():
    coloured = render(sample(), COLOURED)
    assert coloured != render(sample(), Style())
    assert re.sub(r"\x1b\[\d+m", "", unsealed(coloured)) == render(sample(), Style())


def test_halt():
    assert "~ state  running → off" in render(state_changed("running", "off"), Style())


def changed(spec, **observed) -> str:
    """The plan where something is as given, and is to be as `spec` says."""
    made = plan({spec.address: spec}, {spec.address: replace(spec, **observed)})
    return render(made, Style())


VM = VmSpec("shop", "web", state="off")


def test_what_the_cause_says_is_not_said_once_more():
    assert "  ~ vm/web  (labctl's mark on it was removed)\n\n" in changed(VM, unmarked=YES)
    assert "  ~ image/a  (damaged in the store)\n\n" in changed(ImageSpec("a", "sha256-a"), sound=False)
    network = NetworkSpec("shop", "front")
    assert "-/+ network/front  (its bridge is gone)\n\n" in changed(network, unlinked=YES)
    restarted = plan({VM.address: VM}, {VM.address: VM}, restart={VM.address})
    assert "  ~ vm/web  (asked for)\n\n" in render(restarted, Style())


def test_beside_other_changes_a_condition_is_said_in_its_own_words():
    assert changed(VM, unmarked=YES, cpus=2).splitlines()[2:5] == [
        "  ~ vm/web  (changed in the Labfile)",
        "    ~ cpus  2 → 1  (needs a restart)",
        "    ~ labctl's mark on it was removed",
    ]
    assert "~ renamed  zzz → its own name" in changed(VM, renamed="zzz")


def test_every_field_tells_conditions_too():
    made = plan({VM.address: VM}, {VM.address: replace(VM, unmarked=YES)})
    assert "~ unmarked  yes → none" in render(made, Style(verbose=True))
    assert [each["field"] for each in made.to_json()["steps"][0]["changes"]] == ["unmarked"]


def test_nothing_to_do():
    assert render(Plan("shop", "x", unchanged=4), Style()) == "nothing to do: 4 unchanged"
    assert render(Plan("shop", "x"), Style()) == "nothing to do"


def test_seconds():
    assert [seconds(each) for each in (0.04, 42.06, 99.9, 125)] == ["0.0 s", "42.1 s", "99.9 s", "2 min 05 s"]


def test_table():
    assert table(("a", "b"), [("long", "x"), ("y", "")], Paint()) == "A     B\nlong  x\ny"


def test_a_new_lab_takes_a_line_or_two_for_each_thing(golden):
    golden("plan-of-three.txt", text(THREE) + "\n")


def test_all_fields_of_new_things_are_there_when_asked_for(golden):
    golden("plan-of-three-verbose.txt", text(THREE, verbose=True) + "\n")


def test_thirty_vms_are_told_as_one():
    content = THREE | {"vms": {"web": THREE["vms"]["web"] | {"count": 30, "depends_on": []}}}
    assert text(content).splitlines()[7:] == [
        "  + vm/web-1 … web-30  30 VMs, each 1 CPU, 512MiB, debian-12 · root 3GiB",
        "                       · front 10.90.0.2 … .31 · back 10.90.1.2 … .31",
        "",
        "plan: 94 to create, 0 unchanged",
        "a new VM is shown with its disks and its seed; -v shows every field",
    ]


def test_which_has_which_address_shows_where_they_are_in_no_row():
    vms = {
        name: {"networks": [{"name": "front", "ip": f"10.90.0.{n}"}]}
        for name, n in zip("abcde", (5, 9, 7, 30, 4), strict=True)
    }
    told = [line for line in text(THREE | {"vms": vms}, None).splitlines() if "vm/" in line]
    assert [re.sub(r"  +", " ", line) for line in told] == [
        " + vm/a, b, c each 1 CPU, 512MiB, debian-12 · root 3GiB · front 10.90.0.5, .9, .7",
        " + vm/d, e each 1 CPU, 512MiB, debian-12 · root 3GiB · front 10.90.0.30, .4",
    ]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "1 CPU, 512MiB, debian-12 · root 3GiB"),
        ({"cpus": 2, "max_memory": "1GiB"}, "2 CPUs, 512MiB of 1GiB, debian-12 · root 3GiB"),
        ({"disk": {"size": "4GiB", "bus": "sata"}}, "1 CPU, 512MiB, debian-12 · root 4GiB sata"),
        (
            {"disks": [{"name": "data", "size": "1GiB", "bus": "scsi"}, {"name": "s", "volume": "shared"}]},
            "1 CPU, 512MiB, debian-12 · root 3GiB, data 1GiB scsi, s 2GiB shared",
        ),
        (
            {"networks": [{"name": "front", "model": "e1000", "link": "down"}, {"name": "back", "nic": "b"}]},
            "1 CPU, 512MiB, debian-12 · root 3GiB · front (e1000, link down) 10.90.0.2 · b on back 10.90.1.2",
        ),
        (
            {"networks": [{"name": "front", "mac": "52:54:00:12:34:56", "mtu": 1400}]},
            "1 CPU, 512MiB, debian-12 · root 3GiB · front (mtu 1400) 10.90.0.2 · front MAC 52:54:00:12:34:56",
        ),
        (
            {"networks": ["front"], "boot": {"order": ["front", "root"]}, "state": "off"},
            "1 CPU, 512MiB, debian-12 · root 3GiB · front 10.90.0.2 · boots from front, root · stays off",
        ),
        ({"firmware": "uefi", "tpm": True, "protect": True},
         "1 CPU, 512MiB, debian-12 · root 3GiB · uefi · TPM · protected"),
        ({"depends_on": {"a-1": "ready", "a-2": "ready", "b": "booted"}},
         "1 CPU, 512MiB, debian-12 · root 3GiB · after a-1, a-2 are ready · after b is booted"),
        ({"xml": [{"at": "./devices", "add": "<watchdog model='i6300esb'/>"}]},
         "1 CPU, 512MiB, debian-12 · root 3GiB · 1 xml edit"),
        ({"image": "none"}, "1 CPU, 512MiB"),
    ],
)  # fmt: skip
def test_what_a_vm_differs_in_is_told_of_it(fields, told):
    content = THREE | {"volumes": {"shared": {"size": "2GiB"}}}
    assert line_of("vm/x", content | {"vms": {"x": fields, "a": {"count": 2}, "b": {}}}) == told


def test_what_xml_does_not_tell_is_told_of_an_edited_vm():
    nic = {"name": "front", "mac": "52:54:00:12:34:56"}
    fields = {"networks": [nic], "cloud_init": False, "xml": [{"at": "./vcpu", "set": "3"}]}
    made = specs(THREE | {"vms": {"x": fields}})[Address("vm", "x")]
    assert [part.what for part in with_xml_edits(made).brief()] == [
        "3 CPUs, 512MiB, debian-12",
        "root 3GiB",
        "front",
        "front MAC",
        "1 xml edit",
    ]
    assert with_xml_edits(made).brief()[2].own == "10.90.0.2"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "nat 10.90.0.0/24 · host 10.90.0.1, DHCP, DNS"),
        ({"mode": "isolated", "dhcp": False}, "isolated 10.90.0.0/24 · host 10.90.0.1, DNS, no DHCP"),
        ({"gateway": "10.90.0.9"}, "nat 10.90.0.0/24 · host 10.90.0.1, DHCP, DNS · gateway 10.90.0.9"),
        ({"gateway": False}, "nat 10.90.0.0/24 · host 10.90.0.1, DHCP, DNS · no gateway"),
        ({"mode": "isolated", "gateway": "x"},
         "isolated 10.90.0.0/24 · host 10.90.0.1, DHCP, DNS · gateway 10.90.0.2"),
        ({"host": False}, "isolated 10.90.0.0/24 · without the host"),
        ({"domain": "x.lab", "dhcp": {"range": "10.90.0.100-10.90.0.200"}},
         "nat 10.90.0.0/24 · host 10.90.0.1, DHCP 10.90.0.100-10.90.0.200, DNS x.lab"),
        ({"mtu": 9000, "isolate_guests": True, "bandwidth": {"inbound": "10MiB/s"}},
         "nat 10.90.0.0/24 · host 10.90.0.1, DHCP, DNS · mtu 9000 · inbound 10MiB/s · guests isolated"),
        ({"mode": "bridge", "subnet": None, "bridge": "br0", "vlan": 5}, "bridge to br0 · vlan 5"),
    ],
)  # fmt: skip
def test_what_a_network_is_is_told_of_it(fields, told):
    stated = {
        name: value for name, value in ({"subnet": "10.90.0.0/24"} | fields).items() if value is not None
    }
    content = {"networks": {"front": stated}, "vms": {"x": {"networks": ["front"], "image": "none"}}}
    assert line_of("network/front", content) == told


def test_what_is_replaced_is_never_folded_into_its_vm():
    before = {"vms": {"a": {"image": "debian-12"}}}
    told = text({"vms": {"a": {"image": "debian-13"}}}, before=before)
    assert "-/+ disk/a/root  (changed in the Labfile)" in told
    assert "data is lost with: disk/a/root, vm/a" in told


def test_what_stays_is_not_told_as_lost_but_with_what_it_loses():
    told = render(state_changed("saved", "off"), Style(width=80))
    assert "data is lost with vm/db: its saved memory, which `labctl resume` would" in told
    assert "data is lost with:" not in told


def test_a_disk_that_a_vm_gets_later_has_its_own_line():
    before = {"vms": {"a": {"image": "debian-12"}}}
    after = {"vms": {"a": {"image": "debian-12", "disks": [{"name": "data", "size": "1GiB"}]}}}
    assert "  + disk/a/data  1GiB\n" in text(after, before=before)


def test_on_a_narrow_screen_what_is_told_stands_below_the_name():
    assert "  + vm/db\n        1 CPU, 512MiB, debian-12\n        · root 3GiB, data 5GiB\n" in text(THREE, 40)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_screen_and_nothing_is_lost(width):
    vms = {
        "web": {"count": 30, "networks": ["front", "back"]},
        "db": {"networks": [{"name": "back", "mac": "52:54:00:99:00:01"}]},
    }
    content = THREE | {"vms": vms}
    narrow = text(content, width)
    assert max(map(len, narrow.splitlines())) <= width
    assert narrow.split() == text(content, None).split()


@pytest.mark.parametrize("width", [60, 80])
def test_long_names_of_what_goes_are_wrapped_too(width):
    names = [f"a-machine-with-a-long-name-{letter}" for letter in "abcde"]
    before = {"vms": {name: {"image": "debian-12"} for name in names}}
    told = text({"vms": {}}, width, before=before)
    assert max(map(len, told.splitlines())) <= width
    assert told.split() == text({"vms": {}}, None, before=before).split()


def test_a_change_is_wrapped_before_its_arrow():
    content = {
        "networks": {"front": {"subnet": "10.90.0.0/24"}},
        "vms": {"a": {"image": "debian-12", "networks": ["front"]}},
    }
    other = {"networks": {"front": {"subnet": "10.91.0.0/24"}}, "vms": content["vms"]}
    assert (
        "    ~ nics.front.guest  address 10.90.0.2/24, route default 10.90.0.1\n"
        "                        → address 10.91.0.2/24, route default 10.91.0.1\n"
    ) in text(other, before=content)


def test_what_comes_or_goes_in_a_row_is_told_at_once():
    before = {
        "networks": {"front": {"subnet": "10.90.0.0/24"}},
        "vms": {"a": {"count": 9, "networks": ["front"]}},
    }
    before["defaults"] = {"image": "none", "cloud_init": False}
    after = before | {"vms": {"a": {"count": 3, "networks": ["front"]}}}
    assert text(after, before=before).splitlines()[2:8] == [
        "  ~ network/front  (changed in the Labfile)",
        "    - dhcp_hosts.10.90.0.5 … .10  a-4 52:54:00:46:5a:bd … a-9 52:54:00:c7:8d:da",
        "    - dns_hosts.10.90.0.5 … .10   a-4 … a-9",
        "",
        "  - vm/a-4 … a-9  (no longer wanted)",
        "",
    ]
    assert "    - dhcp_hosts.10.90.0.7   a-6 " in text(after, before=before, verbose=True)


def test_of_a_vm_without_a_seed_the_address_is_told_too():
    """It gets it by DHCP."""
    assert line_of("vm/x", THREE | {"vms": {"x": {"networks": ["front"], "cloud_init": False}}}) == (
        "1 CPU, 512MiB, debian-12 · root 3GiB · front 10.90.0.2"
    )


def test_addresses_come_in_their_order():
    hosts = tuple(
        DhcpHost(IPv4Address(f"10.0.0.{n}"), f"web-{n}", f"52:54:00:00:00:{n:02}") for n in (10, 100, 2, 9)
    )
    spec = NetworkSpec("shop", "front", dhcp_hosts=hosts)
    for made in (
        plan({spec.address: spec}, {}),
        plan({spec.address: spec}, {spec.address: replace(spec, dhcp_hosts=())}),
    ):
        found = re.findall(r"10\.0\.0\.(\d+)", str(made))
        assert list(dict.fromkeys(found)) == ["2", "9", "10", "100"]


def created(*numbers: int, size=GIB, state=None) -> str:
    """A plan that makes these instances, and of VM 9 one of another size."""
    wanted = {}
    for number in numbers:
        spec = DiskSpec("shop", f"web-{number}/root", size=2 * GIB if number == 9 else size)
        wanted[spec.address] = spec
    before, after = ({}, wanted) if state is None else (wanted, {})
    return render(plan(after, before, lab="shop", connection="x"), Style())


def test_instances_in_a_row_to_which_the_same_happens_are_told_once():
    assert created(*range(1, 8), 9, 10, 11).splitlines()[2:] == [
        "  + disk/web-1/root … web-7/root  7 disks, each 1GiB",
        "  + disk/web-9/root  2GiB",
        "  + disk/web-10/root, web-11/root  each 1GiB",
        "",
        "plan: 10 to create, 0 unchanged",
    ]


def test_where_one_is_missing_between_it_shows():
    text = created(1, 2, 3, 4, 6, 7, 8, 10, state="there")
    assert [line for line in text.splitlines() if line.startswith("  -")] == [
        "  - disk/web-1/root … web-4/root  (no longer wanted)",
        "  - disk/web-6/root, web-7/root, web-8/root  (no longer wanted)",
        "  - disk/web-10/root  (no longer wanted)",
    ]
    assert text.endswith(
        "data is lost with: disk/web-1/root … disk/web-4/root, disk/web-6/root, disk/web-7/root, disk/web-8/root, "
        "disk/web-10/root"
    )


def test_what_stands_between_them_does_not_part_them():
    disks = [DiskSpec("shop", f"web-{n}/{name}", size=GIB) for n in range(1, 5) for name in ("data", "root")]
    text = render(plan({each.address: each for each in disks}, {}, lab="shop"), Style())
    assert [line[4:].split("  ")[0] for line in text.splitlines() if "disk/" in line] == [
        "disk/web-1/data … web-4/data",
        "disk/web-1/root … web-4/root",
    ]


def rows(kind, **fields):
    """The rows of what two VMs with these fields have of a kind."""
    web = THREE["vms"]["web"] | {"depends_on": []} | fields
    told = text(THREE | {"vms": {"web": web}}, None).splitlines()
    return [re.sub(r"  +", " ", line) for line in told if f" {kind}/" in line]


def test_forwards_show_which_port_leads_where():
    few = {"count": 1, "forwards": ["8080:80", "8443:443", "53:5353/udp"]}
    assert rows("forward", **few) == [
        (
            " + forward/web-1/53/udp, web-1/8080, web-1/8443 127.0.0.1:53/udp → web-1:5353 "
            "· 127.0.0.1:8080 → web-1:80 · 127.0.0.1:8443 → web-1:443"
        ),
    ]
    web = THREE["vms"]["web"] | {"depends_on": []} | few
    narrow = text(THREE | {"vms": {"web": web}}, 60).splitlines()
    assert not [line for line in narrow if line.endswith("→")], "a port and what it leads to stay together"
    assert rows("forward", count=1, forwards=["8000-8010:80-90"]) == [
        " + forward/web-1/8000 … web-1/8010 11 forwards: 127.0.0.1:8000 → web-1:80 … 127.0.0.1:8010 → web-1:90",
    ]


def test_a_step_that_several_vms_have_is_told_as_it_is_written():
    assert rows("provision", provision=[{"shell": "echo hi"}]) == [" + provision/web-1/1, web-2/1 echo hi"]
    assert rows("provision", count=4, provision=[{"shell": "echo hi"}]) == [
        " + provision/web-1/1 … web-4/1 4 provisioning steps: echo hi"
    ]


def test_where_it_is_made_is_said_in_words():
    made = plan(specs(THREE, {}), {}, lab="shop", connection="rootless")
    assert render(made, Style()).startswith("lab shop on your own libvirt, rootless\n")
