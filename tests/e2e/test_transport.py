"""The two ways into guests: the same commands and files go over both."""

import asyncio
import os
import subprocess
import sys
import time
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest

from labctl.app import transport
from labctl.app.session import Session
from labctl.core.errors import LabctlError, LabHeld
from labctl.guest import protocol
from labctl.host.access import port_session
from labctl.host.access.port_transport import PortTransport
from labctl.host.access.ssh_transport import SshTransport
from labctl.host.access.transport import Completed, TimedOut
from labctl.host.host import Host
from labctl.host.hosts import Hosts
from labctl.host.libvirt.connection import Connection
from tests.e2e.labfiles import micro_lab
from tests.e2e.micro import bare

# The last script that told no version. It is here whole, since a new one has to end its processes: its reader, writer
# and watcher all have the port open. A script that only said the same words would not have them.
OLDER = Path(__file__).with_name("labctl-guest-1.sh")
ENDED_S = 20.0  # to end a command: it is asked to, and a second later killed
NOWHERE = {"mode": "isolated", "host": False, "subnet": "10.90.7.0/24"}
SERVER = "mkdir /srv/w; echo x >/srv/w/page; (sleep 3; touch /run/late; httpd -p 8080 -h /srv/w) &"
PAGE = {
    "cloud_init": {"runcmd": [SERVER]},
    "ready": [{"exec": "test -e /run/late"}, {"tcp": 8080}, {"http": "http://127.0.0.1:8080/page"}],
}
WAYS = {"web": SshTransport, "hidden": PortTransport}  # the host has no route to the second one


def test_a_guest_is_used_alike_over_ssh_and_over_the_port(make_lab, micro, monkeypatch):
    lab = make_lab(
        micro_lab(
            "ways",
            micro,
            networks={"front": {}, "wire": NOWHERE},
            groups={"front-end": {"children": ["web", "hidden"]}},
            vms={"web": {"networks": ["front"]}, "hidden": {"networks": ["wire"], **PAGE}},
        )
    )
    lab.up()
    session = Session(Hosts(Host("qemu:///system")), str(lab.path))
    for vm, kind in WAYS.items():
        asyncio.run(a_guest_is_used(session, vm, kind))
    asyncio.run(the_port_takes_one_client(session, monkeypatch))
    assert "0% packet loss" in lab.ssh("web", "ping -c 1 web")
    a_user_needs_no_network(lab)
    ansible_goes_the_same_way(lab)
    session.hosts.close()
    lab.destroy()


def a_user_needs_no_network(lab):
    """For a command; a login says what needs none."""
    for vm in WAYS:
        done = lab.run("ssh", vm, "--", "pwd; echo wrong >&2;", "exit 255")
        assert (done.code, done.stdout, done.stderr) == (255, "/home/lab\n", "wrong\n"), vm
    login = lab.run("ssh", "hidden")
    assert "can't log in: the host has no address on its networks (wire)" in login.stderr
    assert "`labctl ssh hidden -- COMMAND` and `labctl console hidden` need no network" in login.stderr
    copy = lab.start("ssh", "hidden", "--", "cat", stdin=subprocess.PIPE)
    said, _ = copy.communicate("typed\n", timeout=60)
    assert (copy.returncode, said) == (0, "typed\n")


def ansible_goes_the_same_way(lab):
    """By a file and by a script. It asks a guest for no Python where it only sends a command."""
    hosts, script = lab.path.with_name("hosts.yaml"), lab.path.with_name("hosts.sh")
    told = lab.ok("inventory", "-o", str(hosts)).stderr
    assert "warning: SSH does not lead to hidden: the host has no address on its networks (wire)" in told
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m labctl -f {lab.path} inventory "$@"\n')
    script.chmod(0o700)
    for inventory in (hosts, script):
        done = subprocess.run(
            ["ansible", "-i", str(inventory), "front-end", "-m", "raw", "-a", "hostname; pwd"],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "ANSIBLE_SSH_ARGS": "-o ControlMaster=no", "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "web | CHANGED | rc=0 >>\nweb\n/home/lab\n" in done.stdout, (done, lab.path)
        assert "hidden | UNREACHABLE!" in done.stdout
        assert "Could not resolve hostname hidden.invalid" in done.stdout


async def a_guest_is_used(session, vm, kind):
    async with transport.connected(session, vm) as way:
        assert isinstance(way, kind)
        done = await timed(
            f"{vm}: the first command", way.run("cat; echo wrong >&2; exit 7", stdin=b"said", timeout=60)
        )
        assert done == Completed(7, b"said", b"wrong\n")
        await timed(f"{vm}: another command", way.run("true", timeout=60))
        assert (await way.run(["printf", "%s|", "a b", "$HOME", "'"], timeout=60)).stdout == b"a b|$HOME|'|"
        assert (await way.run("exit 255", timeout=60)).exit_code == 255
        assert (await way.run("kill -KILL $$", timeout=60)).exit_code == 137
        assert (await way.run("echo $USER", user="lab", timeout=60)).exit_code == 0
        content = os.urandom(1 << 20)
        await timed(f"{vm}: 1 MiB there", way.put(content, "/root/it's", mode=0o600, timeout=120))
        assert await timed(f"{vm}: 1 MiB back", way.get("/root/it's", timeout=120)) == content
        assert (await way.run("stat -c %a /root/it*", timeout=60)).stdout == b"600\n"
        with pytest.raises(LabctlError, match="can't read /nowhere in the guest"):
            await way.get("/nowhere", timeout=60)
        with pytest.raises(TimedOut) as late:
            await way.run("echo begun; sleep 1234 & wait", timeout=4)
        assert late.value.stdout == b"begun\n"
        async with asyncio.timeout(ENDED_S):
            while (await way.run("ps | grep 'sleep 123[4]'", timeout=60)).stdout:  # noqa: ASYNC110  # in a guest
                await asyncio.sleep(0.2)
        both = await asyncio.gather(way.run("sleep 1; echo a", timeout=60), way.run("echo b", timeout=60))
        assert [each.stdout for each in both] == [b"a\n", b"b\n"]


async def the_port_takes_one_client(session, monkeypatch):
    """A second one waits and is told who has it; its command runs when the first has gone.

    Users in one event loop share the client.
    """
    told = []
    async with transport.connected(session, "hidden") as first:
        assert await said(session, told) == b"second\n"
        assert told == []
        second = asyncio.create_task(asyncio.to_thread(asyncio.run, said(session, told)))
        async with asyncio.timeout(port_session.HELD_S):
            while not told:  # noqa: ASYNC110  # a list
                await asyncio.sleep(0.1)
        await first.run("true", timeout=60)
        assert not second.done()
        assert f"PID {os.getpid()} of root" in told[0]
    assert await second == b"second\n"
    monkeypatch.setattr(port_session, "HELD_S", 1.0)
    async with transport.connected(session, "hidden"):
        with pytest.raises(LabHeld, match=rf"holds the port of ways.hidden on .*: PID {os.getpid()} of root"):
            await asyncio.to_thread(asyncio.run, said(session, told))


async def said(session, told):
    async with transport.connected(session, "hidden", told.append) as way:
        return (await way.run("echo second", timeout=60)).stdout


async def timed(what, work):
    began = time.monotonic()
    result = await work
    print(f"{what}: {time.monotonic() - began:.2f} s")
    return result


def test_a_guest_of_an_older_labctl_gets_the_script_of_this_one(connection, micro, tmp_path):
    """Over its port, and it goes on with what it was told before; its next boot has the older one again."""
    keys = bare.make_keys(tmp_path)
    start = "setsid sh /run/older.sh </dev/null >/dev/null 2>&1 &\n"
    hook = f"#!/bin/sh\ncat >/run/older.sh <<'END'\n{OLDER.read_text()}END\n{start}"
    parts = {"cloud-boothook": hook, "cloud-config": bare.user_data(keys)}
    seed, message = tmp_path / "seed.iso", MIMEMultipart(boundary="== labctl ==")
    for kind, text in parts.items():
        message.attach(MIMEText(text, kind, "us-ascii"))
    bare.write_seed(seed, "older", message.as_string())
    domain = bare.Bare("older", micro, tmp_path / "root.qcow2", seed).define(connection)
    domain.create()
    try:
        asyncio.run(is_renewed())
    finally:
        domain.destroy()
        domain.undefine()


async def is_renewed():
    host = Connection("qemu:///system")
    async with port_session.opened(host, "older") as talk:
        while not (talk.state and talk.state.finished):
            await talk.next()
        assert talk.state.version == 1
        talk.send(protocol.command_hosts(["10.0.0.9 printer"]))
        assert (await talk.reply("hosts")).ok
        way = PortTransport(talk)
        done = await timed("the first command, with a new script", way.run("cat", stdin=b"said", timeout=90))
        assert done == Completed(0, b"said", b"")
        assert talk.state.version == protocol.VERSION
        assert b"printer" in (await way.run("cat /etc/hosts", timeout=60)).stdout
        assert (await way.run("ps | grep 'older.s[h]'", timeout=60)).stdout == b""
    async with port_session.opened(host, "older") as talk:
        await timed("again", PortTransport(talk).run("true", timeout=30))
    host.close()
