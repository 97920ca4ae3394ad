"""The example lab: real Debian, real cloud-init, a real SSH client."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest
import yaml

from labctl.app import transport
from labctl.app.session import Session
from labctl.guest import protocol, script
from labctl.host.access import port_session
from labctl.host.access.port_transport import PortTransport
from labctl.host.host import Host
from labctl.host.hosts import Hosts
from labctl.kinds import addresses

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "Labfile.yaml"
TOUR = ROOT / "docs" / "tour.md"
OLDER = Path(__file__).with_name("labctl-guest-1.sh")  # the last script that told no version
BOOT_S = 2400  # emulated guests, one after the other, on a machine that does other things too
PLAYBOOK = """\
- hosts: nodes
  become: true
  tasks:
    - copy:
        content: "{{ greeting }} from {{ inventory_hostname }}, one of {{ groups['nodes'] | length }}\\n"
        dest: /etc/motd
"""
FAILING = """
  broken:
    networks: [back]
    cloud_init:
      runcmd: ["echo the disk is on fire >&2; exit 7"]
      write_files: [{path: /etc/app.key, permissions: 0600, content: k}]
      bootcmd: [{this is: no command}]
      users:
        - {name: erin, lock_passwd: no, hashed_passwd: "$6$salt$none", uid: 02000}
        - {name: dana, sudo: true}
"""


@pytest.fixture
def example(labctl, labdir):
    """Runs labctl on a copy of the example; what it made is removed again."""
    labfile = labdir / "Labfile.yaml"
    shutil.copytree(EXAMPLE.parent, labdir, dirs_exist_ok=True)

    def run(*words):
        return labctl("-f", str(labfile), *words, timeout_s=BOOT_S)

    run.labfile = labfile
    yield run
    gone = run("destroy", "--yes", "--warm")
    assert gone.code == 0, gone.stderr


@pytest.mark.slow
def test_the_example_lab_comes_up_and_works(example):
    printed = a_day(example)
    vms = {vm["name"]: vm for vm in json.loads(example("status", "--json").stdout)["vms"]}
    assert {name: (vm["state"], vm["ready"]) for name, vm in vms.items()} == {
        "db": ("running", True),
        "web": ("running", True),
    }
    database = next(address["ip"] for address in vms["db"]["addresses"] if address["network"] == "back")
    assert printed["curl -s http://127.0.0.1:8080"] == f"Hello from web, the database is at {database}\n"
    assert printed["labctl ssh web -- cat /etc/hostname"] == "web\n"
    assert "the lab came back in " in printed["labctl up --yes"], "after it was destroyed"
    assert "127.0.0.1:8080" in printed["labctl status"]
    assert (example.labfile.parent / "stock.txt").read_text() == "42 items in stock\n"
    assert page("") == f"Hi from web, the database is at {database}\n"
    assert page("site/news.html") == "<p>sold out\n"

    assert example("up", "--yes").code == 0
    assert example("plan", "--exit-code").code == 0
    assert "PasswordAuthentication" not in example("ssh", "web", "--", "id").stderr
    assert f"{database} db " in example("ssh", "web", "--", "cat", "/etc/hosts").stdout, "also after `resume`"
    # of IPv4: by LLMNR systemd-resolved may also find the link-local IPv6 address of `db`
    assert example("ssh", "web", "--", "getent", "ahostsv4", "db").stdout.split()[0] == database
    cloud_init_is_read(example)
    ansible_configures_a_group(example)
    asyncio.run(an_older_labctl_s_script_is_renewed(example))
    another_one_fails(example)


def cloud_init_is_read(example):
    """What it printed, from its first line to its last."""
    first, *_, last = example("logs", "web", "--cloud-init").stdout.splitlines()
    assert first.startswith("Cloud-init v. ")
    assert " finished at " in last


def ansible_configures_a_group(example):
    """Once for all of it, as root; the next run has nothing to do."""
    written = example.labfile.read_text()
    content = yaml.safe_load(written)
    step = {"name": "motd", "ansible": {"playbook": "site.yaml", "vars": {"greeting": "hello {{ nobody }}"}}}
    content.setdefault("groups", {})["nodes"] = {"children": ["db", "web"]}
    content.setdefault("provision", []).append({**step, "on": ["nodes"]})
    example.labfile.write_text(yaml.safe_dump(content, sort_keys=False))
    example.labfile.with_name("site.yaml").write_text(PLAYBOOK)
    made = example("up", "--yes")
    assert made.code == 0, made.stderr
    assert "Ansible runs a playbook on this host" in made.stderr
    for vm in ("db", "web"):
        said = example("ssh", vm, "--", "cat /etc/motd").stdout
        assert said == f"hello {{{{ nobody }}}} from {vm}, one of 2\n"
        log = example("logs", vm, "--provision").stdout
        assert "provision/1 motd\n" in log, log
        assert "changed: [db]" in log[log.rindex("provision/1 motd") :], "what Ansible says of all of them"
    assert example("plan", "--exit-code").code == 0
    again = example("provision", "--again", "--only", "motd", "--yes")
    assert again.code == 0, again.stderr
    assert again.stderr.count("changed=0") == 2
    example.labfile.write_text(written)


def lines_of_the_tour() -> list[str]:
    """The lines of docs/tour.md, which begin in the example's folder and end with the lab's end."""
    block = TOUR.read_text().partition("```sh\n")[2].partition("```")[0]
    first, *day, last = [line.partition("  #")[0].rstrip() for line in block.splitlines()]
    assert (first, last) == ("cd examples", "labctl destroy --yes --warm")
    return day


def a_day(example) -> dict[str, str]:
    """Types the lines of the tour, and gives what each of them printed."""
    program = Path(sys.executable).parent
    environment = {**os.environ, "NO_COLOR": "1", "PATH": f"{program}:{os.environ['PATH']}"}
    printed: dict[str, str] = {}
    for line in lines_of_the_tour():
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=example.labfile.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=BOOT_S,
        )
        assert done.returncode == 0, (line, done)
        printed[line] = printed.get(line, "") + done.stdout + done.stderr
    return printed


def page(path: str) -> str:
    """What `web` serves on the host's port."""
    with urlopen(f"http://127.0.0.1:8080/{path}", timeout=60) as answer:
        return answer.read().decode()


async def an_older_labctl_s_script_is_renewed(example):
    """With systemd, too: the older one runs as a unit, as the seed of its labctl had started it."""
    session = Session(Hosts(Host("qemu:///system")), str(example.labfile))
    async with transport.connected(session, "web") as way:
        await way.put(OLDER.read_bytes(), script.PATH, timeout=120)
        started = (
            f"systemctl stop {script.UNIT}; systemd-run --collect --unit={script.UNIT} /bin/sh {script.PATH}"
        )
        (await way.run(started, timeout=120)).check("the older script does not start")
    name = f"{session.lab.name}.web"
    connection = session.hosts.of(addresses.vm("web")).connection
    async with port_session.opened(connection, name) as talk:
        while talk.state is None:
            await talk.next()
        assert talk.state.version == 1
        units = await PortTransport(talk).run(f"systemctl list-units --plain '{script.UNIT}*'", timeout=240)
        assert talk.state.version == protocol.VERSION
        running = [line.split()[:4] for line in units.stdout.decode().splitlines() if ".service" in line]
        assert running == [[f"{script.UNIT}-{protocol.VERSION}.service", "loaded", "active", "running"]]
    session.hosts.close()


def another_one_fails(example):
    """A VM whose cloud-config fails: exit 4 with the guest's own words; the others are as they were."""
    example.labfile.write_text(example.labfile.read_text() + FAILING)
    failed = example("up", "--yes")
    assert failed.code == 4, failed.stderr
    assert "vm/broken" in failed.stderr
    assert "the disk is on fire" in failed.stderr
    vms = {vm["name"]: vm for vm in json.loads(example("status", "--json").stdout)["vms"]}
    assert (vms["broken"]["state"], vms["broken"]["ready"]) == ("running", False)
    assert (vms["web"]["ready"], vms["db"]["ready"]) == (True, True)

    assert vms["broken"]["problem"] == (
        "cloud-init failed in bootcmd, users-groups, scripts-user: `labctl up` tells why"
    )
    assert "changed outside labctl" not in example("plan").stdout
    labctl_s_part_survives(example)


def labctl_s_part_survives(example):
    """Entries in `users` and `bootcmd` that cloud-init can't take cost nobody a login; what it takes means the same."""
    facts = example(
        "ssh",
        "broken",
        "--",
        "stat -c %a /etc/app.key; id -u erin; sudo getent shadow erin; sudo -n true && id -un",
    )
    assert facts.stdout.split("\n")[:2] == ["600", str(0o2000)], facts
    assert facts.stdout.split("\n")[2].startswith("erin:$6$"), "her password is not locked"
    assert facts.stdout.split("\n")[3] == "lab"

    shutil.rmtree(example.labfile.parent / ".labctl")  # and the keys with it
    assert "login key is not at" in example("ssh", "broken").stderr
    assert example("ssh", "broken", "--", "id -un").stdout == "lab\n"  # over the port, which needs none
    again = example("up", "--yes")
    assert again.code == 4, again.stderr  # its cloud-init failed as before, and yet:
    for vm in ("broken", "web"):
        assert example("ssh", vm, "--", "true").code == 0
