"""Lines of a guest, of which nothing is believed, and what a host says."""

import base64
import json
import tracemalloc
from ipaddress import ip_address

import pytest

from labctl.guest import protocol, script
from labctl.guest.protocol import Exit, GuestState, LineReader, Output, Reply, StdinWanted, parse

STATE = (
    b'{"event":"state","stage":"done","addresses":[{"mac":"52:54:00:00:00:0A","ip":"10.0.0.2/24"},'
    b'{"mac":"52:54:00:00:00:0b","ip":"fd00::3/64"},{"mac":"52:54:00:00:00:0a","ip":"fd00::2/64"},'
    b'{"mac":"52:54:00:00:00:0a","ip":"$(reboot)"},{"mac":"52:54:00:00:00:0a"},7]}'
)


def test_the_addresses_of_a_nic_are_those_of_its_mac():
    state = parse(STATE)
    assert isinstance(state, GuestState)
    assert state.addresses_of("52:54:00:00:00:0a") == (ip_address("10.0.0.2"), ip_address("fd00::2"))
    assert state.addresses_of("52:54:00:00:00:0b") == (ip_address("fd00::3"),)
    assert state.addresses_of("52:54:00:00:00:0c") == ()


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ({"event": "output", "id": "1", "stream": "stdout", "data": "aGk="}, Output("1", "stdout", b"hi")),
        ({"event": "output", "id": "1", "stream": "stderr", "data": "aGk="}, Output("1", "stderr", b"hi")),
        ({"event": "output", "id": "1", "stream": "../x", "data": "aGk="}, Output("1", "stdout", b"hi")),
        ({"event": "output", "id": "1", "stream": "stdout", "data": "a b"}, None),
        ({"event": "output", "id": "1"}, None),
        ({"event": "stdin", "id": "1"}, StdinWanted("1")),
        ({"event": "exit", "id": "1", "code": 7}, Exit("1", 7)),
        ({"event": "exit", "id": "1", "code": -1}, Exit("1", 255)),
        ({"event": "exit", "id": "1", "code": 10**30}, Exit("1", 255)),
        ({"event": "exit", "id": "1", "code": "0"}, Exit("1", 255)),
        ({"event": "ack", "command": "nic", "target": "x", "ok": True}, Reply("nic x", ok=True)),
        ({"event": "check", "id": "3", "ok": "yes", "detail": 5}, Reply("check 3", ok=False, detail="5")),
        ({"event": "state", "stage": "done", "version": 2}, GuestState("done", version=2)),
        ({"event": "state", "stage": "done"}, GuestState("done", version=1)),
        ({"event": "state", "stage": "done", "version": "new"}, GuestState("done", version=1)),
        ({"event": "else"}, None),
        ([], None),
    ],
)
def test_a_line_is_read_or_skipped(message, meaning):
    assert parse(json.dumps(message).encode()) == meaning


def test_the_rest_of_an_older_line_is_skipped_and_a_line_may_come_in_parts():
    reader = LineReader()
    assert reader.feed(b'code":0}\n{"event":"ex') == []
    assert reader.feed(b'it","id":"1","code":0}\n') == [Exit("1", 0)]


def test_a_line_without_end_is_not_kept():
    reader = LineReader()
    tracemalloc.start()
    try:
        for _ in range(40):
            reader.feed(b"x" * 100_000)
        assert tracemalloc.get_traced_memory()[0] < 1_100_000
    finally:
        tracemalloc.stop()


def test_a_piece_of_stdin_is_announced_with_its_length():
    head, _, payload = protocol.command_stdin("4", b"\0" * 10).partition("\n")
    assert head == f"stdin 4 {len(payload)}"
    assert base64.b64decode(payload) == b"\0" * 10
    assert protocol.command_stdin("4", b"") == "stdin 4 0\n"


def test_the_script_says_the_version_that_the_host_knows():
    assert f"\nversion={protocol.VERSION} " in script.text()


def test_a_renewal_fits_into_one_argument():
    """That is how an older script runs it; Linux takes 128 KiB."""
    assert len(script.renewal()) < 100_000
