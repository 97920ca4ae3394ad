"""Provisioning steps in real guests, of which one has no network that leads to the host."""

import json
import re
import signal
import subprocess

import pytest

from tests.e2e.labfiles import micro_lab, virsh
from tests.waiting import wait_until

SECRET = "open-sesame"  # noqa: S105  # of a test
NOWHERE = {"mode": "isolated", "host": False, "subnet": "10.90.7.0/24"}
GREET = (
    'echo "$LABCTL_VM of $LABCTL_LAB, $LABCTL_PARAM_COLOUR, $DB$LABCTL_INDEX"\nps w\necho "$PW" >/root/pw\n'
)
WEB = [
    {"name": "site", "copy": {"source": "site", "target": "/srv/site"}, "run": "changed"},
    {"name": "greet", "shell": GREET, "env": {"DB": "${vms.hidden.wire.ip}", "PW": "${pw}"}},
    {"name": "motd", "shell": "echo run >>/root/motd", "run": "always"},
    {"name": "back", "fetch": {"source": "/srv/site", "target": "back/site"}},
    {"name": "breaks", "shell": "echo some; echo words >&2; false; echo not this"},
    {"name": "later", "shell": "sleep 1000 & echo later"},
]
HIDDEN = [
    {"name": "user", "user": "lab", "shell": "pwd >~/me"},
    {"shell": '#!/usr/bin/awk -f\nBEGIN { print ENVIRON["LABCTL_VM"] " runs awk" }\n'},
    {"copy": {"source": "back/site/bin/tool", "target": "/root"}},
]


def test_steps_are_planned_run_and_resumed(make_lab, micro):
    lab = make_lab(
        micro_lab(
            "steps",
            micro,
            networks={"front": {}, "wire": NOWHERE},
            vms={
                "web": {"networks": ["front"], "provision": WEB},
                "hidden": {
                    "networks": ["wire"],
                    "depends_on": {"web": "provisioned"},
                    "provision": HIDDEN,
                },
            },
            parameters={"colour": {"default": "blue"}, "pw": {"secret": True}},
            provision=[{"name": "meet", "shell": "echo $LABCTL_VM is there"}],
        )
    )
    tool = lab.path.parent / "site/bin/tool"
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o750)
    given = {"LABCTL_SET_PW": SECRET}
    a_step_fails(lab, given)
    the_next_run_goes_on(lab, given)
    an_inserted_step_runs_alone(lab, given)
    what_changed_runs_again(lab, tool, given)
    an_interruption_ends_a_step(lab, given)
    steps_are_run_by_their_verb(lab, given)
    for text in (virsh("dumpxml", "steps.web"), json.dumps(lab.content)):
        assert SECRET not in text


def a_step_fails(lab, given):
    done = lab.run("up", "--yes", **given)
    assert done.code == 4, done
    said = done.stderr + done.stdout
    assert re.search(r"^web    \| web of steps, blue, 10\.90\.7\.\d+$", said, re.MULTILINE), said
    assert "provision/web/5: failed: breaks: exit code 1\n  | some\n  | words\n" in said
    assert "not this" not in said
    assert "provision/web/6: skipped, provision/web/5 failed" in said
    assert SECRET not in said, "neither is it in the processes of the guest, which `ps` shows"
    status = json.loads(lab.ok_with(given, "status", "--json").stdout)
    (web,) = [each["problem"] for each in status["vms"] if each["name"] == "web"]
    assert web == "provision/web/5 breaks failed: `labctl up` tells why, and goes on"
    copied = lab.path.parent / "back/site/bin/tool"
    assert (copied.read_text(), copied.stat().st_mode & 0o777) == ("#!/bin/sh\n", 0o750)
    assert "steps.hidden" not in virsh("list", "--name"), "it waits for web's steps"


def the_next_run_goes_on(lab, given):
    lab.content["vms"]["web"]["provision"][4]["shell"] = "echo mended"
    done = lab.run("up", "--yes", **given)
    assert done.code == 0, done
    said = done.stderr + done.stdout
    assert "web    | mended" in said
    assert "web    | later" in said
    assert "hidden | hidden runs awk" in said
    assert {"web    | web is there", "hidden | hidden is there"} <= set(said.splitlines())
    assert "web of steps" not in said, "what is done is not done again"
    assert lab.ok_with(given, "plan", "--exit-code").stdout.endswith(
        "  runs each time: provision/web/3 motd\n"
    )
    got = lab.ok_with(
        given, "ssh", "web", "--", "cat /root/motd /root/pw; stat -c %a /srv/site/bin/tool"
    ).stdout
    assert got == f"run\nrun\n{SECRET}\n750\n"
    got = lab.ok_with(given, "ssh", "hidden", "--", "cat ~lab/me; cat /root/tool; ls -a /tmp").stdout
    assert got.startswith("/home/lab\n#!/bin/sh\n")
    assert "labctl." not in got, "nothing of a step is left behind"
    log = lab.ok_with(given, "ssh", "web", "--", "cat /var/log/labctl-provision.log").stdout
    titles = re.findall(r"^=== \S+Z (provision/\S+.*)$", log, re.MULTILINE)
    assert titles[:5] == [f"provision/web/{n} {s['name']}" for n, s in enumerate(WEB[:5], start=1)]


def an_inserted_step_runs_alone(lab, given):
    steps = lab.content["vms"]["web"]["provision"]
    steps.insert(0, {"name": "first", "shell": "echo first"})
    steps[2]["shell"] = "echo another greeting"
    plan = json.loads(lab.ok_with(given, "plan", "--json").stdout)
    assert {step["address"]: step["cause"] for step in plan["steps"]} == {
        "provision/web/1": "not there yet",
        "provision/web/4": "runs each time",
    }
    done = lab.ok_with(given, "up", "--yes")
    assert "another greeting" not in done.stdout + done.stderr


def what_changed_runs_again(lab, tool, given):
    tool.write_text("#!/bin/sh\n# new\n")
    plan = lab.run("plan", "--exit-code", **given)
    assert (plan.code, "provision/web/2 site  (its content changed)" in plan.stdout) == (3, True), plan
    lab.ok_with(given, "up", "--yes")
    assert "# new" in lab.ok_with(given, "ssh", "web", "--", "cat /srv/site/bin/tool").stdout


def an_interruption_ends_a_step(lab, given):
    """In the guest too, and nothing is recorded of it."""
    steps = lab.content["vms"]["web"]["provision"]
    steps.append({"name": "long", "shell": "echo begun; sleep 4321"})
    run = lab.start("up", "--yes", stderr=subprocess.STDOUT, **given)
    assert run.stdout
    assert any("web | begun" in line for line in run.stdout)
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=60)
    assert (run.returncode, "provision/web/8: not finished" in said) == (130, True), said
    wait_until(lambda: "sleep 4321" not in lab.ok_with(given, "ssh", "web", "--", "ps w").stdout)
    assert "provision/web/8 long" in lab.ok_with(given, "plan").stdout
    steps.pop()


def steps_are_run_by_their_verb(lab, given):
    done = lab.ok_with(given, "provision", "web", "--only", "later", "--again", "--yes")
    assert "web | later" in done.stdout + done.stderr
    assert "web | first" not in done.stdout + done.stderr
    done = lab.ok_with(given, "provision", "hidden", "--yes")
    assert "no step is left to run" in done.stderr + done.stdout
    wrong = lab.run("provision", "web", "--only", "latr", **given)
    assert (wrong.code, "no provisioning step is called latr" in wrong.stderr) == (2, True), wrong
    lab.ok_with(given, "halt", "hidden", "--yes")
    off = lab.run("provision", "hidden", **given)
    assert (off.code, "`labctl up hidden` starts" in off.stderr) == (2, True), off


BOOT = "cat /proc/sys/kernel/random/boot_id >>/root/boots"
RESTARTS = f"""labfile: 1
name: restarts
networks: {{front: {{subnet: 10.91.3.0/24}}}}
vms:
  web:
    image: debian-12
    networks: [front]
    provision:
      - {{name: first, shell: "{BOOT}", reboot: true}}
      - {{name: second, shell: "{BOOT}"}}
"""
BY_ITSELF = '      - {name: own, shell: "echo soon; reboot; sleep 1000"}\n'
BOOT_S = 1200  # two boots of an emulated guest


@pytest.mark.slow
def test_a_step_restarts_its_guest_and_one_that_does_so_by_itself_is_told(labctl, labdir):
    """With systemd, which takes its time to go down."""
    labfile = labdir / "Labfile.yaml"
    labfile.write_text(RESTARTS)

    def run(*words):
        return labctl("-f", str(labfile), *words, timeout_s=BOOT_S)

    made = run("up", "--yes")
    assert made.code == 0, made.stderr
    boots = run("ssh", "web", "--", "sudo cat /root/boots").stdout.split()
    assert len(set(boots)) == 2, boots
    assert run("plan", "--exit-code").code == 0

    labfile.write_text(RESTARTS + BY_ITSELF)
    failed = run("up", "--yes")
    said = failed.stderr + failed.stdout
    assert failed.code == 4, said
    assert "reboot in a script restarts the guest" in said
    assert "web | soon" in said
    assert "provision/web/3: failed: own: " in said
    assert "write `reboot: true` beside `shell`" in said
    gone = run("destroy", "--yes")
    assert gone.code == 0, gone.stderr
