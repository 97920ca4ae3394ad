"""Getting into VMs: one that ssh leads to, and one that is reached by labctl's port alone."""

import json
import os
import shlex
import signal
import string
import struct
import subprocess
import sys
import time
from pathlib import Path

from tests.e2e.labfiles import micro_lab
from tests.waiting import wait_until

NOWHERE = {"mode": "isolated", "host": False, "subnet": "10.90.9.0/24"}
LEAVE = "\x1d"  # Ctrl-]
TYPED = "aZ09 " + string.punctuation
VMS = ("web", "hidden")  # the host has no route to the second one


def test_a_working_day_in_two_vms(make_lab, micro):
    lab = make_lab(
        micro_lab(
            "day",
            micro,
            networks={"front": {}, "wire": NOWHERE},
            groups={"all-of-it": {"children": list(VMS)}},
            vms={"web": {"networks": ["front"], "graphics": "vnc"}, "hidden": {"networks": ["wire"]}},
        )
    )
    lab.up()
    commands_share_a_connection(lab)
    somebody_logs_in_at_a_terminal(lab)
    a_command_runs_in_several_vms(lab)
    a_command_in_one_vm_is_as_it_is(lab)
    ctrl_c_ends_what_runs_in_the_vms(lab)
    files_and_folders_are_copied(lab)
    a_screen_and_a_keyboard_are_there(lab)
    a_console_shows_what_was_before(lab)
    what_is_wrong_is_told_at_once(lab)
    the_connection_ends_with_the_vm(lab)
    lab.destroy()
    assert masters() == []


def masters() -> list[str]:
    """The processes that have a shared connection, and their sockets."""
    found = subprocess.run(
        ["pgrep", "-fa", "ssh.*ssh-[0-9a-f]{12}-"], check=False, capture_output=True, text=True
    )
    return [*found.stdout.splitlines(), *map(str, Path("/run/labctl").glob("ssh-*"))]


def commands_share_a_connection(lab):
    assert lab.ssh("web", "echo said") == "said\n"
    (socket,) = Path("/run/labctl").glob("ssh-*")
    assert socket.stat().st_mode & 0o777 == 0o600
    port = lab.ssh("web", "echo $SSH_CONNECTION")
    began = time.monotonic()
    assert lab.ssh("web", "echo $SSH_CONNECTION") == port != "\n"
    print(f"another command: {time.monotonic() - began:.2f} s")
    assert lab.ok("exec", "web", "--", "echo $SSH_CONNECTION").stdout == port
    done = lab.run("ssh", "web", "--user", "root", "--", "id -u; echo wrong >&2;", "exit 9")
    assert (done.code, done.stdout, done.stderr) == (9, "0\n", "wrong\n")
    assert lab.ok("ssh", "hidden", "--user", "root", "--", "pwd").stdout == "/root\n"


def somebody_logs_in_at_a_terminal(lab):
    """As root; the shell's exit code is that of labctl."""
    lab.write()
    argv = [sys.executable, "-m", "labctl", "ssh", "web", "--user", "root"]
    done = subprocess.run(
        ["script", "-qec", shlex.join(argv), "/dev/null"],
        cwd=lab.labctl.folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        input="tty; echo user $(id -u); exit 7\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 7, done
    assert "/dev/pts/" in done.stdout
    assert "user 0" in done.stdout


def a_command_runs_in_several_vms(lab):
    began = time.monotonic()
    done = lab.run("exec", "--all", "--", "hostname; echo wrong >&2; test $(hostname) = web")
    print(f"exec --all: {time.monotonic() - began:.2f} s")
    assert done.code == 1
    assert sorted(done.stdout.splitlines()) == ["hidden | hidden", "web    | web"]
    assert sorted(done.stderr.splitlines()) == [
        "error: vm/hidden: exit code 1",
        "hidden | wrong",
        "web    | wrong",
    ]
    told = json.loads(lab.ok("exec", "--group", "all-of-it", "--json", "--", "hostname").stdout)
    ran = {each["name"]: (each["exit_code"], each["stdout"], each["stderr"]) for each in told["vms"]}
    assert ran == {"web": (0, "web\n", ""), "hidden": (0, "hidden\n", "")}


def a_command_in_one_vm_is_as_it_is(lab):
    for vm in VMS:
        process = lab.start("exec", vm, "--", "cat; exit 7", stdin=subprocess.PIPE)
        said, _ = process.communicate("typed\n", timeout=60)
        assert (process.returncode, said) == (7, "typed\n"), vm


def ctrl_c_ends_what_runs_in_the_vms(lab):
    process = lab.start("exec", *VMS, "--", "echo begun; exec sleep 4321")
    begun = sorted(process.stdout.readline() for _ in VMS)
    assert begun == ["hidden | begun\n", "web    | begun\n"]
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    for vm in VMS:
        wait_until(
            lambda vm=vm: "4321" not in lab.ok("exec", vm, "--", "ps | grep 'sleep 432[1]' || true").stdout
        )


def files_and_folders_are_copied(lab):
    here = lab.labctl.folder
    site = here / "my site"
    (site / "deep").mkdir(parents=True)
    (site / "page").write_bytes(content := os.urandom(1 << 20))
    (site / "deep" / "run").write_text("true\n")
    (site / "deep" / "run").chmod(0o750)
    (site / "deep" / "link").symlink_to("run")
    for vm in VMS:
        lab.ok("copy", "my site", f"{vm}:")
        lab.ok("copy", "my site", "my site/page", "--user", "root", f"{vm}:/srv")
        listed = lab.ssh(vm, "cd /srv; stat -c '%a %n' page 'my site/deep/run'; readlink 'my site/deep/link'")
        assert listed == "644 page\n750 my site/deep/run\nrun\n"
        lab.ssh(vm, "ln -s /etc/passwd 'my site/out'")
        (here / vm).mkdir()
        done = lab.ok("copy", f"{vm}:my site", f"{vm}:/srv/page", vm)
        assert done.stderr.startswith("warning: left out"), done
        assert (here / vm / "page").read_bytes() == (here / vm / "my site/page").read_bytes() == content
        assert (here / vm / "my site/deep/run").stat().st_mode & 0o777 == 0o750
        assert (here / vm / "my site/deep/link").readlink() == Path("run")
        assert not (here / vm / "my site/out").is_symlink()


def a_screen_and_a_keyboard_are_there(lab):
    lab.ok("screenshot", "web", "-o", "web.png")
    picture = (lab.labctl.folder / "web.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    assert (width, height) >= (640, 400)
    a_line_is_typed(lab)
    done = lab.run("screenshot", "hidden")
    assert (done.code, done.stderr.splitlines()[0]) == (1, "error: vm/hidden: it has no screen")


def a_line_is_typed(lab):
    """Once send-keys returns, the guest has got all of it: QEMU's queue of keys would drop the end of a long text."""
    listens = "while on=$(readlink /proc/$!/fd/0) && [ $on != /dev/tty1 ]; do sleep 0.1; done"
    lab.ssh("web", f"head -n 1 </dev/tty1 >/tmp/typed 2>&1 & {listens}")
    lab.ok("send-keys", "web", "--text", TYPED, "enter", "shift-f1")
    assert lab.ssh("web", "cat /tmp/typed") == f"{TYPED}\n"


def a_console_shows_what_was_before(lab):
    """A second time, too, and also what the VM wrote while nobody was attached."""
    for word in ("first", "second"):
        lab.ssh("web", f"echo {word} words >/dev/console")
        wait_until(lambda word=word: f"{word} words" in lab.ok("logs", "web").stdout)
        process = lab.start("console", "web", stdin=subprocess.PIPE)
        said, told = process.communicate(LEAVE, timeout=60)
        assert f"{word} words" in said
        assert "console of web; Ctrl-] leaves" in told
    assert "first words" in said


def what_is_wrong_is_told_at_once(lab):
    done = lab.run("exec", "webb", "hiden", "--", "true")
    assert done.code == 2
    assert (
        "no VM is called webb (did you mean web?)\nno VM is called hiden (did you mean hidden?)"
        in done.stderr
    )
    lab.ok("suspend", "--yes")
    done = lab.run("exec", "--all", "--", "true")
    assert done.code == 1
    for vm in VMS:
        assert f"vm/{vm}: it is paused" in done.stderr
    assert "`labctl resume web hidden` resumes them" in done.stderr
    lab.ok("resume", "--yes")
    assert "there is no folder /nowhere" in lab.run("copy", "Labfile.yaml", "web:/nowhere/").stderr


def the_connection_ends_with_the_vm(lab):
    lab.ssh("web", "true")
    assert masters()
    lab.ok("reload", "--yes", "web")
    assert masters() == []
    assert lab.ssh("web", "echo again") == "again\n"
    assert masters()  # which the end of the lab ends
