"""The life of a user's own libvirt: how it starts, ends, and what becomes of the commands that are at work."""

import os
import pty
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.harness import daemons
from tests.e2e.labfiles import Lab, blank_lab

pytest_plugins = ["tests.e2e.people"]
STARTING = "starting a libvirt of your own"
INSIDE = ("rootless", "exec", "--")


def blank(user, *names):
    content = blank_lab("shop", networks={"front": {}}, vms={name: {"networks": ["front"]} for name in names})
    return Lab(user.labctl(), content)


def started(process):
    """Read until a command says that it starts a libvirt."""
    assert process.stderr.readline().startswith(STARTING)


def test_commands_that_start_at_once_start_one(alice):
    """And the output, the exit code and what is piped in are of the program inside."""
    labctl = alice.labctl()
    commands = [labctl.start(*INSIDE, "sh", "-c", f"echo {each}; exit {each}") for each in range(3)]
    ended = [each.communicate(timeout=120) for each in commands]
    assert [each[0] for each in ended] == ["0\n", "1\n", "2\n"]
    assert [each.returncode for each in commands] == [0, 1, 2]
    assert sum(each[1].count(STARTING) for each in ended) == 1


def test_one_that_is_interrupted_at_its_start_leaves_nothing(alice):
    process = alice.labctl().start(*INSIDE, "true")
    started(process)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1] == "interrupted\n"
    assert process.returncode == 130
    daemons.wait_until(lambda: not alice.processes(), "what was begun ends")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_what_one_began_that_was_killed_is_gone_on_with(alice, number):
    labctl = alice.labctl()
    process = labctl.start(*INSIDE, "true")
    started(process)
    daemons.wait_until(lambda: keepers(alice), "it has begun")
    process.send_signal(number)
    process.communicate(timeout=60)
    (keeper,) = keepers(alice)
    assert labctl(*INSIDE, "true").code == 0
    assert f"kept by PID {keeper}" in labctl("rootless", "status").stdout


def keepers(user):
    return [pid for pid, said in user.processes().items() if "labctl.host.rootless.holder" in said]


def test_a_wrong_labfile_starts_nothing(alice):
    lab = blank(alice, "web")
    lab.content["vms"]["web"]["imag"] = "none"
    refused = lab.run("up", "--yes")
    assert refused.code == 2
    assert "vms.web.imag" in refused.stderr
    assert STARTING not in refused.stderr
    assert lab.run("validate").code == 2
    assert not alice.processes()


def test_who_holds_a_lab_is_named_as_outside_and_a_stop_is_asked(alice):
    lab = blank(alice, "web", "db")
    lab.up()
    lab.ok("suspend", "db", "--disk", "--yes")
    held = lab.start(*INSIDE, str(alice.python), "-c", HOLD)
    assert held.stdout.readline() == "held\n"
    refused = lab.run("up", "--yes")
    assert refused.code == 5
    pid, _, user = refused.stderr.partition("PID ")[2].splitlines()[0].partition(" of ")
    assert HOLD.split()[1] in Path(f"/proc/{pid}/cmdline").read_text()
    assert user == alice.name
    unasked = lab.run("rootless", "stop")
    assert unasked.code == 2
    assert (
        "what runs is shut down: shop.web, and a command that is at work inside is cut off" in unasked.stderr
    )
    lab.ok(*INSIDE, "virsh", "-q", "destroy", "shop.web")  # it has nothing that could hear a shutdown
    lab.ok("rootless", "stop", "--yes")
    assert "error: killed, as by `labctl rootless stop`" in held.communicate(timeout=60)[1]
    assert held.returncode == 137
    assert lab.plan()["vm/db"] == ["update", "state"]
    assert "saved" in lab.ok("status").stdout
    lab.destroy()


HOLD = """
from labctl.host.machine import lock
import time
with lock.held("lab shop on qemu:///system"):
    print("held", flush=True)
    time.sleep(100)
"""


def test_two_stops_at_once_both_end_it(alice):
    labctl = alice.labctl()
    assert labctl(*INSIDE, "true").code == 0
    for process in [labctl.start("rootless", "stop") for _ in range(2)]:
        process.communicate(timeout=60)
        assert process.returncode == 0


def test_one_that_hangs_is_ended_with_a_yes_which_says_what_that_cuts(alice):
    lab = blank(alice, "web")
    lab.up()
    (daemon,) = [pid for pid, said in alice.processes().items() if said == "libvirtd"]
    os.kill(daemon, signal.SIGSTOP)
    ended = lab.ok("rootless", "stop", "--yes")
    assert "libvirt did not answer, so the power of the VMs that still ran was cut" in ended.stderr
    assert not alice.processes()
    lab.up()
    lab.destroy()


def test_a_command_whose_process_outside_is_killed_ends_and_the_next_goes_on(alice):
    lab = blank(alice, "web")
    lab.content["vms"]["web"]["ready"] = [{"tcp": 1}]
    lab.content["vms"]["web"]["timeout"] = "1h"
    process = lab.start("up", "--yes")
    while "started" not in process.stderr.readline():
        pass
    process.kill()
    daemons.wait_until(lambda: not any("labctl up" in said for said in alice.processes().values()), "it ends")
    process.communicate(timeout=60)
    lab.content["vms"]["web"].pop("ready")
    lab.up()
    lab.destroy()


@pytest.mark.parametrize("place", ["a b'c\"d ü,x=y:z\\n", "/".join(["long" * 20] * 4)])
def test_a_home_of_any_name(alice, place):
    """A path may be longer than what names a socket."""
    home = alice.home / "homes" / place
    home.mkdir(parents=True)
    subprocess.run(["chown", "-R", f"{alice.uid}:{alice.uid}", alice.home / "homes"], check=True)
    labctl = alice.labctl()
    named = labctl(*INSIDE, "virsh", "-q", "list", HOME=str(home))
    assert (named.code, named.stderr[: len(STARTING)]) == (0, STARTING), named
    assert labctl("rootless", "stop", HOME=str(home)).code == 0
    shutil.rmtree(alice.home / "homes")


def test_one_whose_folder_is_deleted_ends(alice):
    lab = blank(alice, "web")
    lab.up()
    shutil.rmtree(alice.home / ".local")
    daemons.wait_until(lambda: not alice.processes(), "nobody could find it any more")
    assert "absent" in lab.ok("status").stdout


def test_one_after_a_reboot_is_started_with_its_labs(alice):
    """Of which a holder is left that may have the PID of a process of now."""
    lab = blank(alice, "web")
    lab.up()
    (keeper,) = keepers(alice)
    os.kill(keeper, signal.SIGKILL)
    daemons.wait_until(lambda: not alice.processes(), "all ends with it")
    written = alice.home / ".local/share/labctl/rootless/holder.json"
    written.write_text(written.read_text().replace(str(keeper), str(os.getpid())))
    assert "not running" in lab.ok("rootless", "status").stdout
    assert lab.plan() == {"vm/web": ["update", "state"], "network/front": ["update", "active"]}
    lab.up()
    lab.destroy()


def test_a_folder_that_is_gone_or_not_there_inside_is_told(alice):
    labctl = alice.labctl()
    assert labctl(*INSIDE, "true").code == 0
    left_out = Path("/run/lock/labctl-e2e-left-out")
    left_out.mkdir(parents=True)
    refused = labctl_in(alice, left_out, "list")
    left_out.rmdir()
    assert refused.returncode == 1
    assert "cd to a folder that is there inside too" in refused.stderr
    gone = alice.labctl("gone").folder
    removed = labctl_in(alice, gone, "status", before=f"rmdir {gone}")
    assert removed.returncode == 2
    assert "the folder that you are in is gone" in removed.stderr


def labctl_in(user, folder, *arguments, before="true"):
    shell = f'{before} && exec "$@"'
    return subprocess.run(
        ["sh", "-c", shell, "sh", user.python, "-m", "labctl", *arguments],
        cwd=folder,
        **user.identity(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_terminal_stops_both_processes_and_goes_on_with_both(alice):
    leader, terminal = pty.openpty()
    shell = subprocess.Popen(
        ["setsid", "--ctty", "bash", "--norc", "-i"],
        **alice.identity(),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    said(leader, f"{alice.python} -m labctl {' '.join(INSIDE)} sh -c 'echo be''gun; exec cat'\n", "begun")
    daemons.wait_until(lambda: "cat" in alice.processes().values(), "the program inside runs")
    (inside,) = [pid for pid, words in alice.processes().items() if words == "cat"]
    said(leader, "\x1a", "Stopped")
    daemons.wait_until(lambda: state(inside) == "T", "the program inside is stopped")
    said(leader, "fg\n", "exec cat")  # bash shows the command
    said(leader, "go on\n", "go on\r\ngo on")
    said(leader, "\x03", "$ ")  # what is typed before the shell is back may be lost
    said(leader, "echo code=$?\n", "code=130")
    shell.kill()
    shell.wait()
    os.close(leader)


def said(leader, typed, expected):
    """Type, and read what is said on a terminal until it has something."""
    os.write(leader, typed.encode())
    seen, deadline = "", time.monotonic() + 120
    while expected not in seen:
        assert select.select([leader], [], [], max(0, deadline - time.monotonic()))[0], seen
        seen += os.read(leader, 4096).decode()


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture
def sticks():
    """A folder of the machine where file systems are mounted, shared as all of them with systemd."""
    place = Path("/tmp/labctl-tests-sticks")
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
    subprocess.run(["mount", "--make-shared", place], check=True)
    (place / "stick").mkdir()
    yield place
    subprocess.run(["umount", "--recursive", place], check=True)
    place.rmdir()


def test_what_is_mounted_outside_later_comes_in_and_nothing_goes_out(sticks, alice):
    """A stick, or a home that autofs mounts; and what is unmounted is not kept inside."""
    labctl, stick = alice.labctl(), sticks / "stick"
    assert labctl(*INSIDE, "true").code == 0
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", stick], check=True)
    (stick / "lab").touch()
    assert labctl(*INSIDE, "ls", str(stick)).stdout == "lab\n"
    subprocess.run(["umount", stick], check=True)
    assert labctl(*INSIDE, "ls", str(stick)).stdout == ""
    assert labctl(*INSIDE, "mount", "--no-mtab", "-t", "tmpfs", "tmpfs", str(stick)).code == 0
    assert not stick.is_mount()
