"""What people and scripts see of a lab while somebody's `up` makes it: one lab, looked at from several sides."""

import os
import re
import signal
import termios
import threading
from xml.etree import ElementTree as ET

from tests.e2e.following import Following
from tests.e2e.labfiles import micro_lab
from tests.terminals import ANSI
from tests.waiting import wait_until

LATE = "/tmp/late"  # makes db ready
SAYS = "echo Started late.service >/dev/console; sleep 6"  # a boot that is looked at more than once, on any machine
TIMEOUT = ("--timeout", "300s")
COLUMNS = 80
STATE_OF_DB = re.compile(r"db +(\w+) +(\S+)")


class Screen:
    """A terminal, and all that was written to it."""

    def __init__(self):
        self._here, self.there = os.openpty()
        termios.tcsetwinsize(self.there, (40, COLUMNS))
        self._data = b""  # not a bytearray, which can't grow while the other thread decodes it
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while data := os.read(self._here, 65536):
            self._data += data

    @property
    def text(self):
        return ANSI.sub("\n", self._data.decode(errors="replace"))

    def shows(self, pattern):
        wait_until(lambda: re.search(pattern, self.text), 120)


def test_a_lab_is_seen_while_it_comes_up(make_lab, micro, labdir):
    lab = make_lab(
        micro_lab(
            "seen",
            micro,
            networks={"front": {}, "back": {"mode": "isolated"}},
            vms={
                "web": {"networks": ["front", "back"]},
                "db": {
                    "networks": ["back"],
                    "cloud_init": {"runcmd": [SAYS]},
                    "ready": [{"exec": f"test -e {LATE}"}],
                },
            },
        )
    )
    waiting, watching = lab.start("wait", *TIMEOUT), Following(lab.start("status", "--watch"))
    interrupted_while_it_waits(lab)
    the_time_is_up(lab)
    lab.ssh("db", f"touch {LATE}")
    only_waited_for(lab)
    said, told = waiting.communicate(timeout=60)
    assert (waiting.returncode, said) == (0, "")
    assert sorted(line.split(" (")[0] for line in told.splitlines()) == ["vm/db: ready", "vm/web: ready"]
    watching.until(lambda line: re.match(r"db +running +yes ", line))
    assert watching.interrupted() == (130, "interrupted\n")
    each_change_was_shown(watching)
    pictures(lab, labdir)


def interrupted_while_it_waits(lab):
    """A terminal shows what a booting guest's console says; then Ctrl-C comes before db is ready."""
    screen = Screen()
    up = lab.start("up", "--yes", stderr=screen.there)
    screen.shows(r"vm/db +[\d.]+ s booting: .*Started late\.service")
    screen.shows(r"vm/db +[\d.]+ s waiting until ready")
    steps = [line for line in screen.text.split("\n") if line.startswith("  vm/")]
    assert max(map(len, steps)) <= COLUMNS
    up.send_signal(signal.SIGINT)
    assert up.wait(60) == 130


def the_time_is_up(lab):
    late = lab.run("wait", "db", "web:started", "--timeout", "1s")
    assert late.code == 4, late
    assert re.search("vm/db is not ready after 1 s: it (has booted|runs) and is not ready", late.stderr), late
    assert "its console's last line: " in late.stderr
    assert lab.run("wait", "db:booted", *TIMEOUT).code == 0
    assert lab.run("wait", "dbb").code == lab.run("wait", "db:x").code == 2


def only_waited_for(lab):
    """By the next `up`, which says of each VM that it is ready, and no other word."""
    told = lab.ok("up", "--yes").stderr
    lines = [line for line in told.splitlines() if line.startswith("vm/db: ")]
    assert [line.split(" (")[0] for line in lines] == ["vm/db: booted", "vm/db: ready"], told
    assert lab.plan() == {}


def each_change_was_shown(watching):
    states = [row.groups() for row in map(STATE_OF_DB.match, watching.lines) if row]
    order = list(dict.fromkeys(states))
    assert order[0] == ("absent", "-")
    assert order[-2:] == [("running", "no"), ("running", "yes")], watching.lines


def pictures(lab, folder):
    text = lab.ok("graph").stdout
    assert re.search(
        r"^back  isolated, 10\.\S+\n━+\n├─ ● db   ready +10\.\S+\n└─ ● web  ready +10\.\S+$",
        text,
        re.MULTILINE,
    )
    assert "flowchart LR" in lab.ok("graph", "--format", "mermaid").stdout
    lab.ok("graph", "-o", "lab.svg")
    svg = ET.parse(folder / "lab.svg").getroot()
    texts = " ".join(each.text or "" for each in svg.iter("{http://www.w3.org/2000/svg}text"))
    assert {"seen", "web", "db", "front", "back", "ready"} <= set(texts.replace("\u00a0", " ").split())
    lab.ok("graph", "-o", "lab.png")
    assert (folder / "lab.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
