"""labctl as a user with no rights: a libvirt of one's own, with networks and all."""

import os
import pty
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.harness import daemons
from tests.e2e.labfiles import Lab, micro_lab
from tests.e2e.served import SERVER, forward_lasts_until_a_signal, get
from tests.e2e.users import FAR, HERE, blank, reached_from

pytest_plugins = ["tests.e2e.people"]

DATA = "/dev/disk/by-id/virtio-data"
ASK_FAR = f"timeout 20 nc {FAR} 7000 </dev/null || true"  # older versions of pasta lose the end of a stream


def test_a_lab_of_one_who_has_no_rights(alice, readable, far):
    lab = micro_pair(alice, readable)
    begun = lab.ok("up", "--yes")
    assert begun.stderr.count("starting a libvirt of your own") == 1
    assert lab.plan() == {}
    lab.ssh("web", "ping -q -c 1 -W 10 db")
    lab.ssh("web", SERVER)
    assert get("127.0.0.1:8080") == "web"
    what_it_writes_is_the_users(lab, alice)
    forward_lasts_until_a_signal(lab, "web", "8090:80")  # so signals reach the process inside
    assert lab.ssh("web", ASK_FAR) == "far"
    # `sync` flushes no disk without a file system
    lab.ssh("web", f"echo kept | dd of={DATA} conv=fsync 2>&1")
    a_killed_holder_is_started_again(lab, alice)
    a_stop_keeps_the_lab(lab)
    lab.destroy()
    assert not list((alice.home / ".local/share/labctl/rootless/lib/images").glob("labctl-shop/*"))


def micro_pair(user, readable):
    web = {
        "networks": ["front", "back"],
        "forwards": ["8080:80"],
        "disks": [{"name": "data", "size": "1MiB"}],
    }
    networks = {"front": {}, "back": {"mode": "isolated"}}
    content = micro_lab("shop", readable, networks=networks, vms={"web": web, "db": {"networks": ["back"]}})
    return Lab(user.labctl(), content)


def what_it_writes_is_the_users(lab, user):
    for path in (lab.path.parent / ".labctl").rglob("*"):
        assert path.stat().st_uid == user.uid, path


def a_killed_holder_is_started_again(lab, user):
    os.kill(holder(lab), signal.SIGKILL)
    daemons.wait_until(lambda: not user.processes(), "all of it ends with its holder")
    again = lab.ok("up", "--yes")
    assert "starting a libvirt of your own" in again.stderr
    assert lab.plan() == {}
    lab.ssh("web", SERVER)
    assert get("127.0.0.1:8080") == "web"
    assert lab.ssh("web", f"head -c 4 {DATA}") == "kept"


def holder(lab):
    said = lab.ok("rootless", "status").stdout
    return int(said.partition("PID ")[2].split()[0])


def a_stop_keeps_the_lab(lab):
    refused = lab.run("rootless", "stop")
    assert refused.code == 2
    assert "what runs is shut down: shop.db, shop.web" in refused.stderr
    lab.ok("rootless", "stop", "--yes")
    assert "not running" in lab.ok("rootless", "status").stdout
    assert lab.plan()["vm/web"][:2] == ["update", "state"]
    assert "off" in lab.ok("status").stdout


def test_files_of_others_are_told_as_theirs(alice, bob):
    """Inside they are all nobody's."""
    labctl = alice.labctl("above/lab")
    labfile = labctl.folder.parent / "Labfile.yaml"
    labfile.write_text("labfile: 1\nname: shop\nvms: {}\n")
    os.chown(labfile, bob.uid, bob.uid)
    refused = labctl("plan")
    assert refused.code == 2
    assert "../Labfile.yaml is bob's" in refused.stderr
    os.chown(labfile, 0, 0)
    assert labctl("plan").code == 0
    kept = labctl.folder.parent / ".labctl"
    kept.mkdir(mode=0o700)
    os.chown(kept, bob.uid, bob.uid)
    assert "labctl does not use it: it is bob's" in labctl("up", "--yes").stderr


def test_two_users_at_once_see_nothing_of_each_other(alice, bob, far):
    labs = {}
    for user, port in ((alice, 8081), (bob, 8082)):
        labs[user.name] = lab = blank(user, forwards=[f"{port}:80"])
        lab.up()
        assert f"127.0.0.1:{port}" in lab.ok("forward").stdout
    assert "8081" not in labs["bob"].ok("forward").stdout
    for user, port in ((alice, 8082), (bob, 8081)):
        assert not reached_from(user, "127.0.0.1", port)
        assert not reached_from(user, HERE, port)
    with socket.create_connection(("127.0.0.1", 8082), 20):
        pass
    labs["bob"].content["vms"]["web"]["forwards"] = ["8081:80"]
    refused = labs["bob"].run("up", "--yes")
    assert refused.code != 0
    assert "port 8081 of 127.0.0.1 is taken by" in refused.stderr
    for lab in labs.values():
        lab.destroy()


def test_parts_that_are_killed_are_started_again(alice, far):
    lab = blank(alice)
    lab.up()
    assert reached_from(alice, FAR, 7000)
    for program in ("pasta", "virtlogd", "libvirtd"):
        killed = named(alice, program)
        assert killed, alice.processes()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        daemons.wait_until(
            lambda program=program, killed=killed: named(alice, program) - killed, f"{program} runs again"
        )
    daemons.wait_until(lambda: reached_from(alice, FAR, 7000), "the way out is there again")
    daemons.wait_until(lambda: lab.run("plan").code == 0, "libvirtd answers again")
    assert lab.plan() == {}
    lab.destroy()


def named(user, program):
    """The processes of a user that run this program."""
    return {pid for pid, said in user.processes().items() if Path(said.split()[0]).name == program}


def test_it_ends_by_itself_when_no_lab_is_left(alice):
    lab = blank(alice)
    lab.up()
    lab.destroy()
    assert "running" in lab.ok("rootless", "status").stdout
    daemons.wait_until(lambda: not alice.processes(), "it ends when nobody needs it")


def test_without_pasta_all_but_the_way_out_is_there(alice):
    pasta = shutil.which("pasta")
    subprocess.run(["mount", "--bind", "/dev/null", pasta], check=True)
    try:
        lab = blank(alice)
        said = lab.ok("up", "--yes").stderr
        assert said.count("pasta is not there, so labs have no way out") == 1
        assert "pasta is not there" not in lab.ok("up", "--yes").stderr
        lab.destroy()
    finally:
        subprocess.run(["umount", pasta], check=True)


def test_without_uids_all_that_lacks_is_told_and_nothing_is_made(people):
    carol = people["carol"]
    refused = blank(carol).run("up", "--yes")
    assert refused.code == 1
    for file in ("subuid", "subgid"):
        assert f"/etc/{file} has none for carol, and 65536 are needed" in refused.stderr
    assert "usermod --add-subuids" in refused.stderr
    assert "ask whoever administers this machine" in refused.stderr
    assert not carol.processes()
    checked = carol.labctl()("doctor")
    assert checked.code == 1
    assert "✗ subuid" in checked.stdout


def test_doctor_says_that_a_user_can_have_labs(alice):
    checked = alice.labctl()("doctor")
    for name in ("libvirtd", "uidmap", "subuid", "/dev/net/tun", "user namespaces", "pasta", "rootless"):
        assert f"✓ {name}" in checked.stdout, checked.stdout
    assert not alice.processes()


@pytest.mark.parametrize(
    ("mode", "more"), [("bridge", {"bridge": "lo"}), ("macvtap", {"dev": "lo"}), ("routed", {})]
)
def test_a_network_that_reaches_the_machine_is_an_error_of_the_plan(alice, mode, more):
    lab = blank(alice)
    lab.content["networks"]["front"] = {"mode": mode, **more}
    refused = lab.run("plan")
    assert refused.code == 2
    assert "your own libvirt, rootless, can't reach" in refused.stderr
    assert "mode: nat" in refused.stderr


def test_the_users_daemon_has_no_networks_and_the_systems_is_never_replaced(alice):
    lab = blank(alice)
    refused = lab.run("plan", "-c", "qemu:///session")
    assert refused.code == 2
    assert "qemu:///session, has no networks (labctl -c rootless has them)" in refused.stderr
    system = lab.run("plan", "-c", "qemu:///system")
    assert system.code == 1
    assert "can't connect to libvirt" in system.stderr
    assert not any("rootless" in each for each in alice.processes().values())
    for pid in alice.processes():  # the user's daemon, which libvirt starts, would stay for two minutes
        os.kill(pid, signal.SIGTERM)
    daemons.wait_until(lambda: not alice.processes(), "the user's daemon ends")
    for each in (".cache", ".config"):
        shutil.rmtree(alice.home / each / "libvirt", ignore_errors=True)


def test_a_terminal_that_closes_ends_nothing(alice):
    """As a logout does where logind is told nothing else."""
    leader, terminal = pty.openpty()
    lab = blank(alice)
    command = lab.start("up", "--yes", stdin=terminal, stderr=terminal)
    os.close(terminal)
    assert command.wait(timeout=120) == 0
    os.close(leader)
    assert "running" in lab.ok("status").stdout
    lab.destroy()


def test_a_full_home_is_told(alice):
    size = f"size=2m,uid={alice.uid},gid={alice.uid},mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", alice.home], check=True)
    try:
        lab = blank(alice)
        lab.write()
        with suppress(OSError):
            (alice.home / "filler").write_bytes(bytes(4 << 20))
        refused = lab.run("rootless", "exec", "--", "true")
        assert refused.code == 1
        assert "No space left" in refused.stderr
        assert "internal error" not in refused.stderr
        daemons.wait_until(lambda: not alice.processes(), "what was begun ends")
    finally:
        subprocess.run(["umount", alice.home], check=True)
