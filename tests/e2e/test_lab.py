"""A lab of micro guests through its whole life, with the labctl command and with virsh behind its back."""

import hashlib
import json
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.e2e.harness import daemons
from tests.e2e.harness import oracle as leaks
from tests.e2e.labfiles import micro_lab, virsh

POOL = Path("/var/lib/libvirt/images/labctl-shop")
BACK = {"mode": "isolated", "subnet": "10.90.1.0/24"}


@pytest.fixture
def foreign(connection):
    planted = leaks.plant_foreign(connection)
    yield planted
    planted.remove()


def test_a_running_lab_changes_without_a_restart(make_lab, micro, foreign):
    """One boot of four guests for every kind of edit; each step is a sentence of it."""
    lab = make_lab(
        micro_lab(
            "shop",
            micro,
            networks={"front": {}, "back": dict(BACK)},
            vms={
                "web": {"count": 2, "networks": ["front", "back"], "max_memory": "192MiB"},
                "db": {"networks": ["back"]},
                "cache": {"networks": ["front"]},
            },
        )
    )
    lab.up()
    assert "nothing to do" in lab.ok("up").stderr
    all_names_resolve(lab)
    ids, seeds = domain_ids(), digests(".seed")

    a_vm_comes(lab, seeds)
    a_vm_goes(lab)
    a_nic_and_a_disk_come(lab)
    memory_follows(lab)
    dns_and_dhcp_follow(lab)
    a_network_is_renamed(lab)
    a_link_goes_down(lab)

    assert domain_ids() == ids
    assert digests(".seed")["cache.seed"] == seeds["cache.seed"]  # nothing of its own changed
    all_names_resolve(lab)
    assert foreign.changes() == []
    lab.destroy()
    assert foreign.changes() == []
    assert not (lab.path.parent / ".labctl").exists()


def a_vm_comes(lab, seeds):
    lab.content["vms"]["late"] = {"networks": ["back"]}
    plan = lab.plan()
    assert {name for name, (action, *_) in plan.items() if action == "create"} == {
        "disk/late/root",
        "seed/late",
        "vm/late",
    }
    assert plan["network/back"][0] == "update"
    assert {action for action, *_ in plan.values()} == {"create", "update"}
    lab.up()
    lab.ssh("late", "ping -q -c 1 -W 10 db")
    lab.ssh("web-1", "ping -q -c 1 -W 10 late")  # by its hosts file: it asks the other network's DNS server
    assert seeds.items() <= digests(".seed").items()


def a_vm_goes(lab):
    del lab.content["vms"]["late"]
    refused = lab.run("up")
    assert refused.code == 2
    assert "delete 1 VM" in refused.stderr
    lab.up()
    assert "shop.late" not in domain_ids()
    assert not list(POOL.glob("late.*"))


def a_nic_and_a_disk_come(lab):
    db = lab.content["vms"]["db"]
    db["networks"] = ["back", "front"]
    db["disks"] = [{"name": "data", "size": "16MiB"}]
    assert lab.plan()["vm/db"][0] == "update"
    lab.up()
    front = address("db", "front")
    assert f"inet {front}/24" in lab.ssh("db", "ip addr")
    assert lab.ssh("db", "blockdev --getsize64 /dev/disk/by-id/virtio-data") == f"{16 << 20}\n"
    assert front in lab.ssh("cache", "ping -c 1 -W 5 db")


def memory_follows(lab):
    lab.content["vms"]["web"]["memory"] = "176MiB"
    assert lab.plan() == {f"vm/web-{n}": ["update", "memory"] for n in (1, 2)}
    lab.up()
    for state in ("", "--inactive"):
        assert f">{176 << 10}</currentMemory>" in virsh("dumpxml", "shop.web-1", *state.split())


def dns_and_dhcp_follow(lab):
    lab.content["networks"]["front"]["dns"] = {"hosts": {"printer": "192.0.2.9"}}
    lab.content["networks"]["back"]["dhcp"] = {"range": "10.90.1.100-10.90.1.110"}
    assert lab.plan() == {
        "network/front": ["update", "dns_hosts.192.0.2.9"],
        "network/back": ["update", "dhcp_range"],
    }
    lab.up()
    assert "192.0.2.9" in lab.ssh("cache", "nslookup printer.shop.lab")


def a_network_is_renamed(lab):
    """Onto the same subnet: the old one lets go of its VMs and its bridge before the new one takes them."""
    networks, vms = lab.content["networks"], lab.content["vms"]
    networks["inner"] = networks.pop("back")
    for vm in vms.values():
        vm["networks"] = ["inner" if name == "back" else name for name in vm["networks"]]
    plan = lab.plan()
    assert (plan["network/back"], plan["network/inner"]) == (["delete"], ["create"])
    assert {plan[f"vm/{name}"][0] for name in ("web-1", "web-2", "db")} == {"update"}
    lab.up()
    assert f"inet {address('db', 'inner')}/24" in lab.ssh("db", "ip addr")


def a_link_goes_down(lab):
    """It shows, `ssh` takes another way, and `up` brings it up again."""

    def links() -> dict[str, str]:
        (web,) = (vm for vm in json.loads(lab.ok("status", "--json").stdout)["vms"] if vm["name"] == "web-1")
        return {each["network"]: each["link"] for each in web["addresses"]}

    assert links() == {"front": "up", "inner": "up"}
    virsh("domif-setlink", "shop.web-1", mac_of("web-1", "front"), "down")
    assert links() == {"front": "down", "inner": "up"}
    assert f"front {address('web-1', 'front')} (link down)" in lab.ok("status").stdout
    assert lab.ssh("web-1", "cat /sys/class/net/*/carrier").split().count("0") == 1
    assert lab.plan() == {"vm/web-1": ["update", "nics.front.link"]}
    lab.up()
    assert links() == {"front": "up", "inner": "up"}


def test_drift_is_shown_as_what_it_is_and_healed(make_lab, micro):
    """Each change by virsh shows as just that in the plan, and `up` takes it back."""
    lab = make_lab(
        micro_lab(
            "shop",
            micro,
            networks={"back": dict(BACK)},
            vms={"web": {"networks": ["back"]}, "db": {"networks": ["back"], "cpus": 2}},
        )
    )
    lab.up()
    mac, ip, ids = mac_of("web", "back"), address("web", "back"), domain_ids()

    virsh("autostart", "shop.web")
    assert lab.plan() == {"vm/web": ["update", "autostart"]}
    lab.up()

    reservation = f"<host mac='{mac}' name='web' ip='{ip}'/>"
    virsh("net-update", "shop.back", "delete", "ip-dhcp-host", reservation, "--live", "--config")
    assert lab.plan() == {"network/back": ["update", f"dhcp_hosts.{ip}"]}
    lab.up()
    assert mac in virsh("net-dumpxml", "shop.back")

    virsh("detach-interface", "shop.web", "network", "--mac", mac, "--live")
    daemons.wait_until(lambda: mac not in virsh("domiflist", "shop.web"), "the guest keeps its NIC")
    assert lab.plan() == {"vm/web": ["update", "nics.back"]}
    lab.up()
    assert domain_ids() == ids
    assert mac in lab.ssh("web", "ip addr")

    virsh("net-destroy", "shop.back")
    assert lab.plan() == {
        "network/back": ["update", "active"],
        "vm/db": ["update", "nics.back.unplugged"],
        "vm/web": ["update", "nics.back.unplugged"],
    }
    lab.up()
    assert domain_ids() == ids
    all_names_resolve(lab)

    virsh("net-destroy", "shop.back")
    virsh("net-undefine", "shop.back")
    lab.up()
    virsh("net-destroy", "shop.back")
    virsh("net-start", "shop.back")
    assert lab.plan() == {f"vm/{name}": ["update", "nics.back.unplugged"] for name in ("db", "web")}
    lab.up()
    assert domain_ids() == ids
    all_names_resolve(lab)

    virsh("setvcpus", "shop.db", "1", "--config")
    assert lab.plan() == {"vm/db": ["restart", "cpus"]}
    lab.up()
    assert lab.ssh("db", "nproc") == "2\n"

    virsh("destroy", "shop.web")
    assert lab.plan() == {"vm/web": ["update", "state", "ready"]}
    lab.up()
    all_names_resolve(lab)

    virsh("destroy", "shop.web")
    virsh("undefine", "shop.web")
    assert lab.plan() == {
        "seed/web": ["replace", "cloud_init", "network"],  # its digests went too
        "vm/web": ["create"],
    }
    lab.up()
    all_names_resolve(lab)
    lab.destroy()


def test_a_root_disk_starts_anew_by_another_cloud_init_or_by_its_loss(make_lab, micro):
    """What is on the other disks stays; one of those that someone removed is made anew for the guest that has it."""
    disks = [{"name": "data", "size": "8MiB"}]
    vms = {"web": {"networks": ["back"], "disks": disks}}
    lab = make_lab(micro_lab("shop", micro, networks={"back": dict(BACK)}, vms=vms))
    lab.up()
    another_cloud_init_starts_from_a_new_root_disk(lab)
    ids = domain_ids()

    virsh("vol-delete", "--pool", "labctl-shop", "web.data")
    assert lab.plan() == {"disk/web/data": ["create"], "vm/web": ["update", "disk/web/data"]}
    lab.up()
    assert domain_ids() == ids
    assert f"{8 << 11}\n" in lab.ssh("web", "cat /sys/block/vd*/size")

    virsh("vol-delete", "--pool", "labctl-shop", "web.root")
    assert lab.plan() == {"disk/web/root": ["create"], "vm/web": ["replace", "disk/web/root"]}
    lab.up()
    assert domain_ids() != ids
    lab.destroy()


def another_cloud_init_starts_from_a_new_root_disk(lab):
    """Right after the lab was made, too."""
    lab.ssh("web", "echo gone >/srv/file; echo stays | dd of=/dev/disk/by-id/virtio-data conv=fsync; sync")
    lab.content["vms"]["web"]["cloud_init"] = {"runcmd": ["echo made >/srv/runcmd"]}
    assert lab.plan() == {
        "seed/web": ["replace", "cloud_init"],
        "disk/web/root": ["replace", "seed/web"],
        "vm/web": ["replace", "disk/web/root", "seed/web"],
    }
    lab.up()
    assert lab.ssh("web", "cat /srv/runcmd; ls /srv; head -n 1 /dev/disk/by-id/virtio-data") == (
        "made\nruncmd\nstays\n"
    )


def test_a_lab_is_adopted_and_taken_back(make_lab, micro, labdir):
    """All of it changes hands, so that --adopt is needed once; the keys that its guests know are the holder's.

    One folder is called so that XML, OpenSSH and a shell have to be told; a guest is reached through another one.
    """
    networks = {"back": dict(BACK), "wire": {"subnet": "10.90.7.0/24", "host": False}}
    vms = {"web": {"networks": ["back", "wire"]}, "inner": {"networks": ["wire"]}}
    content = micro_lab("shop", micro, networks=networks, vms=vms)
    odd = labdir / """a "b" 'c' %h #é ~ <&> $HOME \\"""
    mine, theirs = make_lab(content), make_lab(dict(content), odd)
    mine.up()
    guest = domain_ids()
    assert theirs.run("up", "--yes").code == 1
    for taker, loser in ((theirs, mine), (mine, theirs)):
        taker.ok("up", "--yes", "--adopt")
        assert taker.plan() == {}
        assert [taker.ssh(vm, "hostname") for vm in ("web", "inner")] == ["web\n", "inner\n"]
        assert loser.run("plan").code == 1
    assert domain_ids() == guest
    mine.destroy()


def test_vms_rest_and_wake(make_lab, micro):
    """Halted, suspended, resumed, reloaded: all of the lab, or the VMs that are named."""
    lab = make_lab(
        micro_lab(
            "shop",
            micro,
            networks={"back": dict(BACK)},
            vms={"web": {"networks": ["back"]}, "db": {"networks": ["back"]}},
        )
    )
    lab.up()
    ids = domain_ids()

    lab.ok("suspend", "web")
    assert states() == {"shop.web": "paused", "shop.db": "running"}
    lab.ok("resume")
    assert states() == {"shop.web": "running", "shop.db": "running"}
    assert lab.plan() == {}
    has_the_right_time(lab)
    assert domain_ids() == ids

    lab.ok("suspend")
    lab.up()
    assert domain_ids() == ids

    memory_is_saved_restored_and_discarded(lab)

    lab.ssh("web", "echo kept >/srv/file; sync")
    lab.ok("halt", "web")
    assert states() == {"shop.web": "shut off", "shop.db": "running"}
    lab.ok("halt")
    assert lab.plan() == {f"vm/{name}": ["update", "state", "ready"] for name in ("db", "web")}
    lab.up()
    assert lab.ssh("web", "cat /srv/file") == "kept\n"

    before = {vm: lab.ssh(vm, "cat /proc/sys/kernel/random/boot_id") for vm in ("web", "db")}
    lab.ok("reload", "web", "--yes")
    assert lab.plan() == {}
    after = {vm: lab.ssh(vm, "cat /proc/sys/kernel/random/boot_id") for vm in ("web", "db")}
    assert before["web"] != after["web"]
    assert before["db"] == after["db"]

    lab.ok("destroy", "web", "--yes")
    assert states() == {"shop.db": "running"}
    lab.destroy()


def memory_is_saved_restored_and_discarded(lab):
    """After `virsh managedsave` a guest goes on where it was, with the right time, or loses its memory if asked."""
    boot = "cat /proc/sys/kernel/random/boot_id"
    lab.ssh("web", "echo 7 >/run/mark; date -s @1000000000")
    before = lab.ssh("web", boot)
    virsh("managedsave", "shop.web")
    assert lab.plan() == {"vm/web": ["update", "state", "ready"]}
    assert {vm["name"]: vm["state"] for vm in json.loads(lab.ok("status", "--json").stdout)["vms"]} == {
        "web": "saved",
        "db": "running",
    }
    lab.up()
    assert lab.ssh("web", f"{boot}; cat /run/mark") == f"{before}7\n"
    has_the_right_time(lab)

    virsh("managedsave", "shop.web")
    refused = lab.run("halt")
    assert (refused.code, "its saved memory" in refused.stderr) == (2, True)
    assert states() == {"shop.web": "shut off", "shop.db": "running"}
    lab.ok("reload", "web", "--yes")
    assert lab.ssh("web", boot) != before
    assert lab.plan() == {}


def has_the_right_time(lab):
    """To the minute, whenever the guest came to answer."""
    before = time.time()
    told = int(lab.ssh("web", "date +%s"))
    assert before - 60 < told < time.time() + 60


def all_names_resolve(lab):
    """From each VM, the name of each VM that it shares a network with answers."""
    networks = {name.partition(".")[2]: connected(name) for name in states()}
    for vm, mine in networks.items():
        others = [name for name, theirs in networks.items() if mine & theirs and name != vm]
        lab.ssh(vm, " && ".join(f"ping -q -c 1 -W 10 {name}" for name in others))


def connected(domain: str) -> set[str]:
    return {line.split()[2] for line in virsh("domiflist", domain).splitlines() if line}


def address(vm: str, network: str) -> str:
    """What libvirt's DHCP gives the VM there."""
    hosts = ElementTree.fromstring(virsh("net-dumpxml", f"shop.{network}")).findall("ip/dhcp/host")
    return next(host.get("ip", "") for host in hosts if host.get("name") == vm)


def mac_of(vm: str, network: str) -> str:
    rows = [line.split() for line in virsh("domiflist", f"shop.{vm}").splitlines() if line]
    return next(row[4] for row in rows if row[2] == f"shop.{network}")


def states() -> dict[str, str]:
    names = virsh("list", "--all", "--name").split()
    return {name: virsh("domstate", name).strip() for name in names if name != "foreign"}


def domain_ids() -> dict[str, str]:
    return {name: virsh("domid", name).strip() for name in states()}


def digests(suffix: str) -> dict[str, str]:
    """Of the lab's volumes whose names end so."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in POOL.glob(f"*{suffix}")}
