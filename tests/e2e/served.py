"""Servers in guests: one of the web, which says the guest's name, and one of UDP, which says what it hears."""

import base64
import http.client
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


def serve_udp(lab, folder):
    """Compile the server in a folder, and start it in the VM `web`, at port 53."""
    subprocess.run(["gcc", "-static", "-Os", "-s", "-o", folder / "echo", ECHO], check=True)
    program = base64.b64encode((folder / "echo").read_bytes()).decode()
    start = "base64 -d >/srv/echo && chmod +x /srv/echo && (setsid /srv/echo 53 </dev/null >/dev/null 2>&1 &)"
    copy = lab.start("ssh", "web", "--", start, stdin=subprocess.PIPE)
    _, said = copy.communicate(program, timeout=60)
    assert copy.returncode == 0, said
