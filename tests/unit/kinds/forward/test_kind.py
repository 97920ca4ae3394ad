"""Forwards as they are found: in the records of VMs, and among the processes."""

import subprocess
from ipaddress import ip_address
from types import SimpleNamespace

from labctl.core.endpoint import Endpoint
from labctl.host.machine import forwarders, processes
from labctl.kinds.forward.kind import FORWARD, recorded
from labctl.kinds.forward.spec import record_of

URI = "test:///of-this-test"
TO = Endpoint(ip_address("127.0.0.1"), 9)


def look(*vms, local=True):
    connection = SimpleNamespace(uri=URI, local=local)
    return SimpleNamespace(connection=connection, lab="shop", found=lambda _kind: SimpleNamespace(specs=vms))


def vm(name="web", **records):
    return SimpleNamespace(name=name, records={"forward": records})


def test_a_recorded_one_is_alive_as_long_as_its_process_runs():
    """Not a process that has its PID later, or had it before the last boot."""
    child = subprocess.Popen(["sleep", "60"])
    try:
        own = processes.identity(child.pid)
        told = {
            "8080": record_of("10.0.0.2:80", own.pid, own.started, own.boot),
            "8081": record_of("10.0.0.2:80", own.pid, "1", own.boot),
            "8082": record_of("10.0.0.2:80", own.pid, own.started, "another boot"),
        }
        (found) = FORWARD.observe(look(vm(**told))).specs
        assert {each.key: each.alive for each in found} == {"8080": True, "8081": False, "8082": False}
        assert {each.to for each in found} == {"10.0.0.2:80"}
    finally:
        child.kill()
        child.wait()
    assert not FORWARD.observe(look(vm(**told))).specs[0].alive


def test_a_record_that_somebody_garbled_is_none():
    assert (
        list(recorded("shop", "web", {"forward": {"x": {}, "99999": {"pid": "1"}}, "folder": {"1": {}}}))
        == []
    )
    (found,) = recorded("shop", "web", {"forward": {"80": {"pid": "x"}}})
    assert (found.alive, found.pid) == (False, 0)


def test_a_process_without_a_record_is_the_labs_too(free_port):
    listens = Endpoint(ip_address("127.0.0.1"), free_port)
    mark = forwarders.Mark(URI, "shop", f"web/{free_port}")
    process = forwarders.start(mark, listens, "tcp", TO)
    try:
        (found,) = FORWARD.observe(look()).specs
        assert (found.vm, found.key, found.to, found.pid) == ("web", str(free_port), str(TO), process.pid)
        assert found.unrecorded
        there = {str(free_port): record_of(str(TO), process.pid, process.started, process.boot)}
        (known,) = FORWARD.observe(look(vm(**there))).specs
        assert (known.alive, known.unrecorded) == (True, "")
        assert FORWARD.labs(SimpleNamespace(uri=URI, local=True)) == ["shop"]
        assert FORWARD.observe(look(local=False)).specs == ()
    finally:
        forwarders.end(mark)
    assert FORWARD.observe(look()).specs == ()
