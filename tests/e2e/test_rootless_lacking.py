"""What a machine lacks for a libvirt of one's own is told all at once, before anything is started."""

import json
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path

import jsonschema

from tests.e2e.labfiles import Lab, blank_lab

pytest_plugins = ["tests.e2e.people"]

SCHEMA = Path(__file__).parents[2] / "schemas/doctor.schema.json"
TUN = Path("/dev/net/tun")


@contextmanager
def instead(path, other):
    subprocess.run(["mount", "--bind", other, path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


@contextmanager
def closed(path):
    mode = path.stat().st_mode
    path.chmod(0o600)
    try:
        yield
    finally:
        path.chmod(mode)


def test_all_of_it_at_once(people):
    carol = people["carol"]
    lab = Lab(carol.labctl(), blank_lab("shop", networks={}, vms={"web": {}}))
    uidmap = shutil.which("newuidmap")
    weak = Path("/run/labctl-e2e-newuidmap")
    shutil.copy(uidmap, weak)
    weak.chmod(0o755)
    with ExitStack() as lacking:
        lacking.callback(weak.unlink)
        lacking.enter_context(instead(uidmap, weak))
        lacking.enter_context(instead(shutil.which("dnsmasq"), "/dev/null"))
        lacking.enter_context(closed(TUN))
        refused = lab.run("up", "--yes")
        checked = carol.labctl()("doctor", "--json")
    assert refused.code == 1
    told = {
        "libvirtd: not there: dnsmasq": "sudo apt-get install",
        f"uidmap: {uidmap} has lost its right to map uids": f"sudo chmod u+s {uidmap}",
        "subuid: /etc/subuid has none for carol": "sudo usermod --add-subuids",
        "subgid: /etc/subgid has none for carol": "sudo usermod --add-subuids",
        "/dev/net/tun: this user can't open it": "sudo sh -c 'chmod 0666 /dev/net/tun",
    }
    for found, fix in told.items():
        assert found in refused.stderr
        mended = refused.stderr.partition(found)[2].partition("mend it: `")[2]
        assert mended.startswith(fix), refused.stderr
        assert "ask whoever administers this machine" in mended.partition("\n")[0]
    assert not carol.processes()
    document = json.loads(checked.stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    failed = {each["name"] for each in document["checks"] if each["verdict"] == "fail"}
    assert failed == {"libvirtd", "uidmap", "subuid", "subgid", "/dev/net/tun", "dnsmasq"}


def test_small_ranges_before_a_large_one_are_in_the_way(alice):
    """And what the doctor says mends it."""
    file = Path("/etc/subuid")
    before = file.read_text()
    own = next(line for line in before.splitlines() if line.startswith("alice:"))
    lab = Lab(alice.labctl(), blank_lab("shop", networks={}, vms={"web": {}}))
    try:
        file.write_text(before.replace(own, f"alice:900000000:5\n{own}"))
        refused = lab.run("plan")
        assert "has 5 for alice in their first line, which alone counts" in refused.stderr
        assert "usermod --del-subuids 900000000-900000004 alice" in refused.stderr
        file.write_text(before.replace(own, f"{own}\nalice:900000000:5"))
        lab.ok("plan")
        lab.ok("rootless", "stop", "--yes")
        file.write_text(before.replace("alice:", f"{alice.uid}:"))
        lab.ok("plan")
    finally:
        file.write_text(before)
