"""A day with a lab: its logs, its events, and a Labfile that is edited while it runs."""

import json
import signal
import subprocess
from pathlib import Path

import yaml

from tests.e2e.following import Following
from tests.e2e.labfiles import micro_lab, virsh
from tests.e2e.test_folders import install_rsync

BLOCK = "x" * 1000
ROTATED = 256 << 10  # bytes, after which the tests' virtlogd begins a new file
POOL = Path("/var/lib/libvirt/images/labctl-day")


def test_a_day_with_a_lab(make_lab, micro):
    lab = make_lab(
        micro_lab(
            "day",
            micro,
            networks={"front": {}},
            vms={
                # its kernel is not quiet, as that of the others
                "web": {
                    "networks": ["front"],
                    "max_memory": "192MiB",
                    "boot": {"cmdline": "console=ttyS0"},
                    "provision": [{"shell": "echo from a step"}],
                },
                "db": {"networks": ["front"]},
            },
        )
    )
    lab.up()
    logs_of_two_vms_are_told_apart(lab)
    a_guests_own_log_is_read_since_a_moment(lab)
    events = Following(lab.start("events", "--json", "-f", stderr=subprocess.DEVNULL))
    events.until(lambda line: line)
    a_log_is_followed_through_rotation_and_reboot(lab)
    what_happened_was_told(events)
    edits_of_the_labfile_are_applied(lab)
    lab.destroy()
    assert not POOL.exists(), "the rotated logs went with their VMs"


def logs_of_two_vms_are_told_apart(lab):
    both = lab.ok("logs").stdout.splitlines()
    assert {line.partition(" |")[0].strip() for line in both} == {"web", "db"}
    assert "Linux version" in lab.ok("logs", "web", "-n", "1000").stdout.splitlines()[0], "its first byte"
    form, last = map(json.loads, lab.ok("logs", "web", "-n", "1", "--json").stdout.splitlines())
    assert form == {"event": "Format", "format": 1}
    assert (last.keys(), last["event"]) == ({"event", "vm", "line", "source"}, "LogLine")
    refused = lab.run("logs", "--since", "1h")
    assert (refused.code, "the lines of a console have no times" in refused.stderr) == (2, True)


def a_guests_own_log_is_read_since_a_moment(lab):
    lines = "2020-01-01T00:00:00Z old\\n2099-01-01T00:00:00Z new\\n"
    lab.ssh("web", f"printf '{lines}' | sudo -n tee -a /var/log/labctl-provision.log")
    found = lab.ok("logs", "--provision", "--since", "1h")
    head, *told = found.stdout.splitlines()
    assert head.startswith("web | === ")
    assert told == ["web | from a step", "web | 2099-01-01T00:00:00Z new"]
    assert "note: vm/db: its guest has no /var/log/labctl-provision.log yet" in found.stderr
    following = Following(lab.start("logs", "-f", "--provision", "web"))
    following.until(lambda line: "new" in line)
    lab.ssh("web", "echo 'another step' | sudo -n tee -a /var/log/labctl-provision.log")
    following.until(lambda line: line == "another step\n")
    assert following.interrupted()[0] == 130


def a_log_is_followed_through_rotation_and_reboot(lab):
    following = Following(lab.start("logs", "-f", "-n", "1"))
    following.until(lambda line: line.startswith("web | "))  # it has looked
    count = 2 * ROTATED // len(BLOCK)
    loop = f"i=0; while [ $i -lt {count} ]; do i=$((i+1)); echo $i {BLOCK}; done"
    lab.ssh("web", f"({loop}; echo all) | sudo -n tee /dev/console >/dev/null")
    following.until(lambda line: line == "web | all\n")
    told = [line.split()[2] for line in following.lines if BLOCK in line]
    assert told == [str(number) for number in range(1, count + 1)]
    rotated = sorted(each.name for each in POOL.glob("web.console*"))
    assert rotated == ["web.console", "web.console.0", "web.console.1"]
    assert all(each.stat().st_size <= ROTATED for each in POOL.glob("web.console*"))
    assert lab.plan() == {}
    assert "web.console" not in lab.run("plan").stderr, "they are the lab's"
    lab.ok("reload", "--yes", "web")
    following.until(lambda line: "web | " in line and "Linux version" in line)
    assert following.interrupted()[0] == 130


def what_happened_was_told(events):
    """Of the reload."""
    happened = [json.loads(line) for line in events.lines]
    assert happened[0] == {"event": "Format", "format": 1}
    told = [each["what"] for each in happened[1:] if each["address"] == "vm/web"]
    assert [each for each in told if each in LIFE] == ["shutting-down", "stopped", "started"]
    events.process.send_signal(signal.SIGINT)
    assert events.process.wait(30) == 130


LIFE = ("shutting-down", "stopped", "started", "crashed")


def edits_of_the_labfile_are_applied(lab):
    """What is live by itself; without a terminal a restart is only told."""
    watching = Following(lab.start("watch", "--json"))
    rounds = Rounds(lab, watching)
    assert rounds.ending() == "done"
    boot = domain_id()
    lab.content["vms"]["web"]["memory"] = "176MiB"
    rounds.edit()
    assert rounds.ending() == "done"
    assert "180224 KiB" in virsh("dominfo", "day.web"), "its memory changed while it ran"
    a_folder_is_copied_when_something_in_it_changes(lab, rounds)
    lab.content["vms"]["web"]["memory"] = "lots"
    rounds.edit()
    watching.until(lambda line: "vms.web.memory" in line and "warning" in line)
    lab.content["vms"]["web"] |= {"memory": "176MiB", "cpus": 2}
    rounds.edit()
    assert rounds.ending() == "declined"
    assert domain_id() == boot
    del lab.content["vms"]["web"]["cpus"]
    rounds.edit()
    assert rounds.ending() == "done"
    code, said = watching.interrupted()
    assert (code, "vm/web restarts" in said) == (130, True)
    assert lab.plan() == {}, "the lab is as it was left"


def a_folder_is_copied_when_something_in_it_changes(lab, rounds):
    install_rsync(lab)
    assert rounds.ending() == "done", "that wrote the same Labfile again"
    source = lab.path.with_name("pages")
    source.mkdir()
    lab.content["vms"]["web"]["folders"] = [{"source": "pages", "target": "/srv/pages", "type": "rsync"}]
    rounds.edit()
    assert rounds.ending() == "done"
    (source / "hello").write_text("changed\n")
    assert rounds.ending() == "done"
    assert lab.labctl("ssh", "web", "--", "cat /srv/pages/hello").stdout == "changed\n"


def domain_id():
    return virsh("domid", "day.web")


class Rounds:
    """The runs that edits lead to."""

    def __init__(self, lab, watching):
        self.lab, self.watching, self.seen = lab, watching, 0

    def edit(self):
        """As most editors do: a new file gets the old one's name."""
        new = self.lab.path.with_name(".Labfile.yaml.new")
        new.write_text(yaml.safe_dump(self.lab.content, sort_keys=False))
        new.rename(self.lab.path)

    def ending(self):
        """How the next run ended."""
        self.seen = self.watching.until(lambda line: json.loads(line)["event"] == "Finished", self.seen)
        return json.loads(self.watching.lines[self.seen - 1])["ending"]
