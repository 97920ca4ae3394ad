"""What labctl makes of faults: killed, interrupted, libvirtd restarted, guests that fail or say nothing."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress

import pytest

from labctl.core.identity import XMLNS
from tests.e2e.harness import daemons
from tests.e2e.labfiles import CHANGES, Lab, blank_lab, micro_lab, virsh
from tests.e2e.moments import moments

MOMENTS = range(40)  # as many events as the blank lab's `up` has, and a few more


def blank(make_lab) -> Lab:
    vms = {
        "web": {"count": 2, "networks": ["front", "back"]},
        "db": {"networks": ["back"], "disks": [{"name": "data", "size": "2MiB"}]},
    }
    return make_lab(blank_lab("faulty", networks={"front": {}, "back": {"mode": "isolated"}}, vms=vms))


def one_micro(make_lab, micro, **fields) -> Lab:
    vms = {"web": {"networks": ["front"], **fields}}
    return make_lab(micro_lab("faulty", micro, networks={"front": {}}, vms=vms))


def killed_after(lab: Lab, events: int, *command: str) -> None:
    """Kill -9 once it told that many events; one that ends before is not killed."""
    process = lab.start(*command, "--yes", "--json")
    for _ in range(events):
        process.stdout.readline()
    process.kill()
    process.communicate()


@pytest.mark.parametrize("moment", moments(MOMENTS, 4))
def test_a_killed_up_is_finished_by_the_next(make_lab, moment):
    """Also when that one is killed too."""
    lab = blank(make_lab)
    killed_after(lab, moment, "up")
    killed_after(lab, moment // 2, "up")
    lab.up()
    lab.destroy()


@pytest.mark.parametrize("moment", moments(MOMENTS, 4))
def test_what_a_killed_run_left_is_destroyed(make_lab, moment):
    """Without the local files, and although `destroy` itself is killed once."""
    lab = blank(make_lab)
    killed_after(lab, moment, "up")
    shutil.rmtree(lab.path.parent / ".labctl", ignore_errors=True)
    killed_after(lab, moment // 2, "destroy")
    lab.destroy()
    assert not (lab.path.parent / ".labctl").exists()


@pytest.mark.parametrize("finish", ["up", "destroy"])
def test_a_pool_without_its_folder_is_no_obstacle(make_lab, finish):
    """What is left when labctl is killed between a pool's definition and the making of its folder."""
    lab = blank(make_lab)
    virsh("pool-define-as", "labctl-faulty", "dir", "--target", "/var/lib/libvirt/images/labctl-faulty")
    lab.ok(finish, "--yes")
    lab.destroy()


def test_a_guest_survives_that_its_labctl_is_killed(make_lab, micro):
    """Killed while the guest boots, with the local files gone: the next run waits for the same boot
    and gives it new keys.
    """
    lab = one_micro(make_lab, micro)
    process = lab.start("up", "--yes")
    read_until(process, "vm/web: started")
    process.kill()
    process.communicate()
    guest = virsh("domid", "faulty.web")
    shutil.rmtree(lab.path.parent / ".labctl")
    lab.up()
    assert virsh("domid", "faulty.web") == guest
    assert lab.ssh("web", "hostname") == "web\n"  # by new keys, which came over its port
    heals_while_it_runs(lab)
    assert virsh("domid", "faulty.web") == guest
    lab.destroy()


def heals_while_it_runs(lab):
    """Neither a mark that was removed nor a bridge that was deleted costs the guest a restart, or a new seed."""
    virsh("metadata", "faulty.web", XMLNS, "--remove", "--live", "--config")
    assert lab.plan() == {"vm/web": ["update", "unmarked", "ready"]}
    lab.up()
    (bridge,) = [
        line.split()[1] for line in virsh("net-info", "faulty.front").splitlines() if "Bridge" in line
    ]
    subprocess.run(["ip", "link", "del", bridge], check=True)
    assert "network front: its bridge is gone; `labctl up` mends it" in lab.ok("status").stderr
    assert lab.plan()["network/front"] == ["replace", "unlinked"]
    lab.up()
    assert lab.ssh("web", "hostname") == "web\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_says_what_to_run_next(make_lab, micro, number):
    """It ends with 130, the guest goes on, and the next `up` waits for it."""
    lab = one_micro(make_lab, micro)
    process = lab.start("up", "--yes")
    read_until(process, "vm/web: started")
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "`labctl up` goes on from here" in errors
    guest = virsh("domid", "faulty.web")
    lab.up()
    assert virsh("domid", "faulty.web") == guest
    lab.destroy()


def test_two_interruptions_end_it_at_once(make_lab, micro):
    """As a user who presses Ctrl-C again expects."""
    lab = one_micro(make_lab, micro)
    process = lab.start("up", "--yes")
    read_until(process, "vm/web: started")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    lab.destroy()


def test_a_restarted_libvirtd_does_not_stop_an_up(make_lab, micro):
    """The connection is opened anew, and the guest is the one that ran before."""
    lab = one_micro(make_lab, micro)
    process = lab.start("up", "--yes")
    read_until(process, "vm/web: started")
    guests = emulators()
    daemons.restart()
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "connecting again" in errors
    assert emulators() == guests
    assert lab.plan() == {}
    lab.destroy()


def wait() -> None:
    """Libvirtd hangs up on who does not answer for half a minute: that time is what has to pass here."""
    time.sleep(40)


@pytest.mark.parametrize("meanwhile", [wait, daemons.restart])
def test_who_thinks_before_he_says_yes_is_still_connected(make_lab, meanwhile):
    lab = blank(make_lab)
    lab.up()
    ours, terminal = os.openpty()
    process = lab.start("destroy", stdin=terminal, stderr=terminal)
    os.close(terminal)
    told = b""
    while b"type yes" not in told:
        told += os.read(ours, 4096)
    meanwhile()
    os.write(ours, b"yes\n")
    process.communicate(timeout=60)
    with suppress(OSError):  # EIO is how a terminal tells that the other end is closed
        while more := os.read(ours, 4096):
            told += more
    os.close(ours)
    assert process.returncode == 0, told
    assert (b"connecting again" in told) == (meanwhile is daemons.restart)
    assert "faulty" not in lab.ok("list").stdout


@pytest.mark.parametrize("moment", moments(MOMENTS, 2))
def test_a_restarted_libvirtd_loses_no_step(make_lab, moment):
    """Whatever was under way is looked at again and finished."""
    lab = blank(make_lab)
    process = lab.start("up", "--yes", "--json")
    for _ in range(moment):
        process.stdout.readline()
    daemons.restart()
    output, errors = process.communicate()
    assert process.returncode == 0, output + errors
    assert lab.plan() == {}
    lab.destroy()


def test_who_has_port_53_is_named(make_lab):
    """Where dnsmasq can't start; the network is not left behind, and comes up once the port is free."""
    lab = blank(make_lab)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("", 53))  # of every address
        failed = lab.run("up", "--yes")
        assert failed.code == 1, failed
        assert f"(PID {os.getpid()}) has port 53" in failed.stderr
        assert "faulty" not in virsh("net-list", "--all")
    lab.up()
    lab.destroy()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"memory": "900GiB"}, "3 VMs need 270"),
        ({"accel": "kvm"}, "this host has no usable KVM"),
    ],
    ids=["memory", "kvm"],
)
def test_what_the_host_lacks_stops_up_before_the_first_change_and_no_plan(make_lab, fields, why):
    lab = blank(make_lab)
    lab.content["defaults"] |= fields
    shown = lab.run("plan", "--exit-code")
    assert shown.code == CHANGES
    assert "+ vm/web-1, web-2" in shown.stdout
    assert shown.stderr.count(why) == shown.stderr.count("`labctl up` would refuse this") >= 1
    refused = lab.run("up", "--yes")
    assert refused.code == 1
    assert why in refused.stderr
    assert "nothing was changed" in refused.stderr
    assert virsh("list", "--all", "--name").split() == []


def test_a_failing_command_is_told_in_the_guests_words(make_lab, micro):
    """Exit 4 with cloud-init's error and the end of its output; the VM is kept to look at."""
    lab = one_micro(make_lab, micro, cloud_init={"runcmd": ["ls /nowhere"]})
    failed = lab.run("up", "--yes")
    assert failed.code == 4, failed
    assert "runcmd" in failed.stderr
    assert "ls: /nowhere: No such file" in failed.stderr
    assert virsh("domstate", "faulty.web").strip() == "running"
    assert lab.ssh("web", "hostname") == "web\n"
    assert lab.run("up", "--yes").code == 4
    lab.destroy()


def test_a_guest_that_says_nothing_is_given_up_in_time(make_lab, micro):
    """Exit 4 with the stage that it hung at and the last lines of its console; the VM is kept."""
    lab = one_micro(make_lab, micro, timeout="5s")
    lab.content["defaults"]["boot"]["cmdline"] += " rdinit=/nowhere"
    failed = lab.run("up", "--yes")
    assert failed.code == 4, failed
    assert "it hung at: no word from its guest yet" in failed.stderr
    assert "Kernel panic" in failed.stderr
    assert "labctl ssh web" in failed.stderr
    assert virsh("domstate", "faulty.web").strip() == "running"
    lab.destroy()


def test_a_condition_that_is_never_met_is_named(make_lab, micro):
    """Exit 4 with the condition and what the guest said about it."""
    lab = one_micro(make_lab, micro, ready=[{"exec": "echo not today; false", "timeout": "2s"}])
    failed = lab.run("up", "--yes")
    assert failed.code == 4, failed
    assert "exec echo not today; false is not met (not today)" in failed.stderr
    lab.content["vms"]["web"]["ready"] = [{"tcp": 22}]
    lab.up()
    lab.destroy()


def read_until(process: subprocess.Popen[str], text: str) -> None:
    """Read its messages until this one comes."""
    seen = []
    for line in process.stderr:
        seen.append(line)
        if text in line:
            return
    pytest.fail(f"it ended without saying {text!r}:\n{''.join(seen)}")


def emulators() -> list[str]:
    """The PIDs of the guests' QEMUs."""
    return subprocess.run(
        ["pgrep", "-f", "guest=faulty"], check=True, capture_output=True, text=True
    ).stdout.split()
