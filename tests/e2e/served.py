"""Servers in guests, and a forward to one: that of the web says the guest's name, that of UDP says what it hears."""

import base64
import http.client
import signal
import socket
import subprocess
from pathlib import Path

SERVER = "mkdir -p /srv/w && hostname >/srv/w/name && httpd -p 80 -h /srv/w"
ECHO = Path(__file__).with_name("udp-echo.c")


def get(place):
    """What the guest behind an address of the host says its name is."""
    connection = http.client.HTTPConnection(place, timeout=30)
    connection.request("GET", "/name")
    with connection.getresponse() as answer:
        return answer.read().decode().strip()


def forward_lasts_until_a_signal(lab, vm, ports):
    """Until Ctrl-C, or until somebody asks its process to end. `ports` are as `8090-8091:80-81`, of host and guest."""
    listens = ports.partition(":")[0]
    first, last = listens.split("-")[0], listens.split("-")[-1]
    for number in (signal.SIGINT, signal.SIGTERM):
        process = lab.start("forward", vm, ports)
        assert f"127.0.0.1:{listens} leads to {vm}" in process.stderr.readline()
        assert get(f"127.0.0.1:{last}") == vm
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == 130
        with socket.create_server(("127.0.0.1", int(first))):
            pass


def serve_udp(lab, folder):
    """Compile the server in a folder, and start it in the VM `web`, at port 53."""
    subprocess.run(["gcc", "-static", "-Os", "-s", "-o", folder / "echo", ECHO], check=True)
    program = base64.b64encode((folder / "echo").read_bytes()).decode()
    start = "base64 -d >/srv/echo && chmod +x /srv/echo && (setsid /srv/echo 53 </dev/null >/dev/null 2>&1 &)"
    copy = lab.start("ssh", "web", "--", start, stdin=subprocess.PIPE)
    _, said = copy.communicate(program, timeout=60)
    assert copy.returncode == 0, said
