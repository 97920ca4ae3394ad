"""All verbs inside of a libvirt of one's own: what they do, and whose the files are that they write."""

import json
import os
import pty
import stat
import subprocess
from contextlib import contextmanager

from tests.e2e.following import Following
from tests.e2e.harness import daemons
from tests.e2e.labfiles import blank_lab, micro_lab
from tests.e2e.users import lab_of

pytest_plugins = ["tests.e2e.people"]

BOOT = "cat /proc/sys/kernel/random/boot_id"
LEAVE = b"\x1d"  # Ctrl-]
WEB = {"networks": ["front"], "graphics": "vnc", "disks": [{"name": "data", "size": "1MiB"}]}


def test_a_day_of_one_who_has_no_rights(alice, readable):
    """One boot; each step is a sentence of it."""
    content = micro_lab("day", readable, networks={"front": {}}, vms={"web": WEB}) | {"warm": True}
    lab = lab_of(alice, content)
    with agent(alice) as socket:
        two_terminals_at_once(lab)
        somebody_is_at_a_terminal(lab, alice)
        an_agent_is_no_hindrance(lab, socket)
    what_happens_is_seen(lab)
    files_go_both_ways(lab)
    it_is_drawn(lab)
    boot = lab.ssh("web", f"echo 7 >/run/mark; {BOOT}")
    the_whole_lab_goes_back(lab)
    memory_outlives_the_world(lab)
    assert lab.ssh("web", f"{BOOT}; cat /run/mark") == f"{boot}7\n"
    it_comes_back_warm(lab)
    all_that_is_written_is_the_users(lab, alice)
    nothing_is_left_of_it(lab, alice)


@contextmanager
def agent(user):
    """An agent of OpenSSH with a key of the user's; gives its socket."""
    socket, key = user.home / "agent", user.home / "key"
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]
    subprocess.run(make, check=True, **user.identity())
    argv = ["ssh-agent", "-D", "-a", socket]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, **user.identity()) as process:
        daemons.wait_until(socket.exists, "the agent does not listen")
        subprocess.run(["ssh-add", "-q", key], check=True, **user.identity(SSH_AUTH_SOCK=str(socket)))
        try:
            yield socket
        finally:
            process.terminate()
    for each in (key, key.with_suffix(".pub")):
        each.unlink()


def two_terminals_at_once(lab):
    """A second `up` is told who has the lab, and what is seen in another terminal goes on changing."""
    first = lab.start("up", "--yes")
    for line in first.stderr:
        if "vm/web: started" in line:
            break
    second = lab.run("up", "--yes")
    assert second.code == 5, second
    assert "another labctl holds the lab day" in second.stderr
    watched = Following(lab.start("status", "--watch"))
    _, told = first.communicate(timeout=300)
    assert first.returncode == 0, told
    watched.until(lambda line: "web" in line and "running" in line)
    assert watched.interrupted()[0] in (0, 130)
    assert lab.plan() == {}


def somebody_is_at_a_terminal(lab, user):
    assert b"/dev/pts/" in typed(lab, ("ssh", "web"), b"tty; exit\n")
    lab.ssh("web", "echo it is me >/dev/console")
    assert b"it is me" in typed(lab, ("console", "web"), LEAVE)
    listed = lab.ok("rootless", "exec", "--", "script", "-qec", "virsh list", "/dev/null").stdout
    assert "day.web" in listed
    assert "polkit" not in listed


def typed(lab, words, keys):
    """What a command writes for somebody at a terminal, who presses the keys once it has written something."""
    leader, terminal = pty.openpty()
    lab.write()
    user = lab.labctl.user
    process = subprocess.Popen(
        [user.python, "-m", "labctl", *words],
        cwd=lab.labctl.folder,
        **user.identity(TERM="xterm"),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    said = os.read(leader, 4096)
    os.write(leader, keys)
    try:
        while more := os.read(leader, 4096):
            said += more
    except OSError:
        pass  # nobody has the terminal any more
    os.close(leader)
    assert process.wait(60) == 0, said
    return said


def an_agent_is_no_hindrance(lab, socket):
    """It is there for what the user runs inside; the guest knows labctl's key alone."""
    assert lab.ok_with({"SSH_AUTH_SOCK": str(socket)}, "ssh", "web", "--", "hostname").stdout == "web\n"
    keys = lab.ok_with({"SSH_AUTH_SOCK": str(socket)}, "rootless", "exec", "--", "ssh-add", "-l")
    assert "ED25519" in keys.stdout
    sockets = lab.ok("rootless", "exec", "--", "find", "/run/labctl", "-name", "ssh-*", "-perm", "600")
    assert sockets.stdout.count("\n") == 1


def what_happens_is_seen(lab):
    events = Following(lab.start("events", "--json"))
    events.until(lambda line: line)
    lab.ok("suspend", "web")
    lab.ok("resume", "web")
    events.until(lambda line: "resumed" in line)
    assert events.interrupted()[0] in (0, 130)
    assert lab.ok("exec", "--all", "--", "hostname").stdout == "web\n"
    assert "it is me" in lab.ok("logs", "web").stdout


def files_go_both_ways(lab):
    here = lab.labctl.folder
    site = here / "site"
    (site / "bin").mkdir(parents=True)
    (site / "bin/run").write_text("true\n")
    for path, mode in ((site, 0o755), (site / "bin", 0o700), (site / "bin/run", 0o750)):
        os.chown(path, lab.labctl.user.uid, lab.labctl.user.uid)
        path.chmod(mode)
    lab.ok("copy", "site", "web:/srv")
    assert lab.ssh("web", "stat -c '%a %n' /srv/site/bin /srv/site/bin/run") == (
        "700 /srv/site/bin\n750 /srv/site/bin/run\n"
    )
    lab.ok("copy", "web:/srv/site", "back")
    assert stat.S_IMODE((here / "back/bin/run").stat().st_mode) == 0o750


def it_is_drawn(lab):
    here = lab.labctl.folder
    lab.ok("graph", "-o", "lab.mmd", "--format", "mermaid")
    lab.ok("inventory", "-o", "hosts.yaml")
    lab.ok("screenshot", "web", "-o", "web.png")
    assert "web" in (here / "lab.mmd").read_text()
    assert (here / "web.png").read_bytes().startswith(b"\x89PNG")
    config = lab.ok("ssh-config")
    assert "IdentityFile" in config.stdout
    assert "`labctl rootless exec -- PROGRAM`" in config.stderr


def the_whole_lab_goes_back(lab):
    identity = lab.ssh("web", "cat /etc/machine-id /sys/class/net/eth0/address 2>/dev/null; hostname")
    lab.ok("snapshot", "save", "before")
    lab.ssh("web", "echo 8 >/run/mark; echo later >/srv/later; sync")
    lab.ok("snapshot", "restore", "before", "--yes")
    assert lab.ssh("web", "cat /run/mark; ls /srv") == "7\nsite\n"
    assert lab.ssh("web", "cat /etc/machine-id /sys/class/net/eth0/address 2>/dev/null; hostname") == identity
    assert lab.plan() == {}
    lab.ok("snapshot", "delete", "before", "--yes")


def memory_outlives_the_world(lab):
    """It is on the disk while nothing of the user's runs."""
    lab.ok("suspend", "--disk")
    lab.ok("rootless", "stop", "--yes")
    daemons.wait_until(lambda: not lab.labctl.user.processes(), "something goes on")
    again = lab.ok("up", "--yes")
    assert "starting a libvirt of your own" in again.stderr


def it_comes_back_warm(lab):
    lab.ok("destroy", "--yes")
    assert "restored from" in lab.ok("plan").stdout
    assert "note: the lab came back in " in lab.ok("up", "--yes").stderr
    assert lab.ssh("web", "ls /srv/site || echo none").strip().endswith("none")
    assert lab.plan() == {}


def all_that_is_written_is_the_users(lab, user):
    """And no other user may change any of it, or read what is secret."""
    written = [path for path in lab.labctl.folder.rglob("*") if not path.is_symlink()]
    assert {"lab.mmd", "hosts.yaml", "web.png", "run", "id_ed25519"} <= {path.name for path in written}
    for path in written:
        facts = path.stat()
        assert (facts.st_uid, facts.st_gid) == (user.uid, user.uid), path
        assert not facts.st_mode & 0o022, path
    secret = lab.labctl.folder / ".labctl"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o700
    assert not any(path.stat().st_mode & 0o077 for path in secret.rglob("id_ed25519"))


def nothing_is_left_of_it(lab, user):
    lab.ok("destroy", "--yes", "--warm")
    assert json.loads(lab.ok("list", "--json").stdout)["labs"] == []
    assert "micro.qcow2" in lab.ok("image", "list").stdout
    lab.path.with_name("Labfile.lock").unlink()  # which needs the images too
    lab.ok("image", "prune", "--yes")
    store = user.home / ".local/share/labctl/rootless/lib/images/labctl-images"
    assert [path.name for path in store.iterdir()] == []
    assert not (user.home / ".ssh").exists()
    sockets = lab.ok("rootless", "exec", "--", "find", "/run/labctl", "-name", "ssh-*")
    assert sockets.stdout == ""


def test_a_vm_has_a_tpm(alice):
    """Of swtpm, which has folders of its own beside libvirt's."""
    hard = {"networks": ["front"], "firmware": "uefi", "tpm": True, "memory": "128MiB"}
    lab = lab_of(alice, blank_lab("hard", networks={"front": {}}, vms={"web": hard}))
    lab.up()
    lab.ok("suspend", "--disk")
    lab.ok("rootless", "stop", "--yes")
    lab.up()
    lab.destroy()
