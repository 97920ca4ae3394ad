"""Guests that attack labctl over its port: each fails alone."""

import base64
import json
from pathlib import Path

from tests.e2e.labfiles import micro_lab
from tests.waiting import wait_until

# Takes the port from the guest's script as its fd 3, and then says what no script would.
TAKE_PORT = """
port=/dev/virtio-ports/org.labctl.guest.0
for each in /sys/class/virtio-ports/*; do
    [ "$(cat "$each/name")" != org.labctl.guest.0 ] || port=/dev/${each##*/}
done
until command exec 3<>$port; do
    for holder in /proc/[0-9]*/fd/3; do
        [ "$(readlink "$holder")" != "$port" ] || { pid=${holder#/proc/} && kill -KILL "${pid%%/*}"; }
    done
done
letters() { head -c "$1" /dev/zero | tr '\\0' x; }
"""
ACK = '{"event":"ack","command":"new","target":"\' NR \'","ok":true,"detail":""}'.replace('"', '\\"')
FLOODS = {
    "acks": f"yes | awk '{{ print \"{ACK}\" }}' >&3".replace("' NR '", '" NR "'),
    "newlines": "yes '' >&3",
    "endless": "tr '\\0' x </dev/zero >&3",
    "states": 'line=\'{"event":"state","stage":"init","log":"\'$(letters 1000000)\'"}\'\n'
    'while :; do echo "$line" >&3; done',
    "outputs": 'line=\'{"event":"output","id":"1","stream":"stdout","data":"\'$(letters 60000)\'"}\'\n'
    'while :; do echo "$line" >&3; done',
}
STATE = {
    "event": "state",
    "stage": "done",
    "result": {
        "v1": {"errors": ["\x1b[31mred\u202e"], "recoverable_errors": {"WARNING": ["\x9b2Jc1\u2028line"]}}
    },
    "log": "\x1b]0;log\x07",
}
ESCAPES = f"cat >&3 <<'END'\n{json.dumps(STATE)}\nEND\nsleep 10000"
SHOWN = (
    r"vm/escapes: failed: cloud-init failed: \x1b[31mred\u202e",
    r"warning: vm/escapes: cloud-init: \x9b2Jc1 line",
    r"  | \x1b]0;log\x07",
)
TOO_MUCH = "it sends more than a guest may on labctl's port: "
MOST_KIB = 300 << 10  # labctl itself has 80 MiB; floods took gigabytes
READY = {"ready": [{"exec": "test -e /run/late"}], "cloud_init": {"runcmd": ["(sleep 5; touch /run/late) &"]}}


def hostile(script: str) -> dict:
    text = base64.b64encode(f"{TAKE_PORT}{script}\n".encode()).decode()
    command = f"echo {text} | base64 -d >/run/hostile; setsid sh /run/hostile >/dev/null 2>&1 </dev/null &"
    return {"cloud_init": {"runcmd": [command]}, "ready": [{"exec": "false"}]}


def peak_kib(pid: int) -> int:
    """The most memory that a process has had; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def test_guests_that_flood_labctl_fail_alone(make_lab, micro):
    """A VM beside them becomes ready, over the same connection to libvirt, and labctl's memory stays as it is.

    What one of them sends to the terminal is shown.
    """
    vms = {name: hostile(script) for name, script in {**FLOODS, "escapes": ESCAPES}.items()}
    lab = make_lab(micro_lab("floods", micro, networks={"front": {}}, vms={**vms, "good": READY}))
    up = lab.start("up", "--yes")
    peaks = [0]

    def ended():
        peaks.append(max(peaks[-1], peak_kib(up.pid)))
        return up.poll() is not None

    wait_until(ended, 600)
    _, said = up.communicate()
    print(f"{peaks[-1] >> 10} MiB\n{said}")
    assert up.returncode not in (0, None)
    for name in FLOODS:
        assert f"vm/{name}: failed: {TOO_MUCH}" in said
    assert "vm/good: ready" in said
    assert [each for each in SHOWN if each not in said] == []
    assert all(each.isprintable() for each in said.replace("\t", "").splitlines())
    assert "internal error" not in said
    assert 0 < peaks[-1] < MOST_KIB
    assert "good" in lab.ok("status").stdout
