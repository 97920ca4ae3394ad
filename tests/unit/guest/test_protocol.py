"""Lines of a guest, of which nothing is believed, and what a host says."""

import base64
import json
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
        ({"event": "output", "id": "1", "stream": "../x", "data": "aGk="}, None),
        ({"event": "output", "id": 1, "stream": "stdout", "data": "aGk="}, None),
        ({"event": "output", "id": "1", "stream": "stdout", "data": "\ud800"}, None),
        ({"event": "output", "id": "1", "stream": "stdout", "data": "a b"}, None),
        ({"event": "output", "id": "1", "stream": "stdout", "data": ""}, None),
        ({"event": "output", "id": "1"}, None),
        ({"event": "stdin", "id": "1"}, StdinWanted("1")),
        ({"event": "exit", "id": "1", "code": 7}, Exit("1", 7)),
        ({"event": "exit", "id": "1", "code": -1}, None),
        ({"event": "exit", "id": "1", "code": 10**30}, None),
        ({"event": "exit", "id": "1", "code": "0"}, None),
        ({"event": "ack", "command": "nic", "target": "x", "ok": True}, Reply("nic x", ok=True)),
        ({"event": "ack", "command": "nic", "target": ["x"], "ok": True}, None),
        ({"event": "check", "id": "3", "ok": "yes", "detail": "5"}, None),
        ({"event": "check", "id": "3", "ok": False, "detail": 5}, Reply("check 3", ok=False)),
        (
            {"event": "check", "id": "3", "ok": False, "detail": "a\nb"},
            Reply("check 3", ok=False, detail="a b"),
        ),
        ({"event": "state", "stage": "else"}, None),
        ({"event": "state"}, None),
        ({"event": "state", "stage": "done", "version": 2}, GuestState("done", version=2)),
        ({"event": "state", "stage": "done"}, GuestState("done", version=1)),
        ({"event": "state", "stage": "done", "boot_id": "a\nb"}, GuestState("done", boot_id="a b")),
        ({"event": "state", "stage": "done", "boot_id": ["a"]}, GuestState("done")),
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


@pytest.mark.parametrize(
    "line", [b"[" * 100_000, b"1" * 10_000, b"\xff\xfe", b'{"event":' * 50_000, b"\0" * 9]
)
def test_a_line_that_no_reader_of_json_likes_is_skipped(line):
    assert parse(line) is None


def state(**fields) -> GuestState:
    told = parse(json.dumps({"event": "state", "stage": "done", **fields}).encode())
    assert isinstance(told, GuestState)
    return told


def test_of_long_lists_and_texts_of_a_state_a_part_is_kept():
    """Errors by the megabyte, all of them different, and thousands of warnings, lines of the log and addresses."""
    many = [f"error {number}\n{'x' * 1000 * (number == 0)}" for number in range(60_000)]
    levels = {f"level {number}": [f"warning {number}", number, None] for number in range(1000)}
    nics = [{"mac": "52:54:00:00:00:0a", "ip": f"10.0.{n >> 8}.{n & 255}"} for n in range(5000)]
    told = state(
        result={"v1": {"errors": many, "recoverable_errors": levels}},
        status={"v1": {"init": {"errors": many}, "final": {"recoverable_errors": [7]}, "stage": "done"}},
        log="line\n" * 100_000 + "y" * 100_000,
        addresses=nics,
    )
    assert len(told.errors) == len(told.recoverable) == protocol.TEXTS + 1
    assert told.errors[0].startswith("error 0 xxx")
    assert told.errors[0].endswith("more characters)")
    assert told.errors[-1] == f"and {60_000 - protocol.TEXTS} more"
    assert not any("\n" in each for each in told.errors)
    assert told.recoverable[:2] == ("warning 0", "warning 1")
    assert len(told.log) == protocol.LOG_CHARS
    assert len(told.addresses) == protocol.ADDRESSES


def test_what_has_the_wrong_form_in_a_state_is_left_out():
    told = state(
        result={"v1": {"errors": "text", "recoverable_errors": ["x"]}},
        status={"v1": {"init": [], "final": {"errors": [7, None, ["x"], "real"]}}},
        addresses="10.0.0.2",
        log=["x"],
    )
    assert (told.errors, told.recoverable, told.addresses, told.log) == (("real",), (), (), "")
    assert state(result=7, status={"v1": 7}) == GuestState("done")


@pytest.mark.parametrize(
    "ip",
    [
        "fd00::5%x\n10.0.0.1 bank.example",  # a zone may be any text; it would be a line of other guests' hosts files
        "fd00::5%\x1b[31m",
        "127.0.0.1",  # labctl connects to the addresses: of the host it must not be
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",  # noqa: S104  # nothing is bound
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "169.254.169.254",
        "fe80::1",
    ],
)
def test_an_address_that_no_other_machine_can_reach_is_not_believed(ip):
    assert state(addresses=[{"mac": "52:54:00:00:00:0a", "ip": ip}]).addresses == ()


@pytest.mark.parametrize(
    "mac", ["", "52:54:00:00:00:0a\n", "52:54:00:00:00", "\x1b[31m", "52:54:00:00:00:0G"]
)
def test_an_address_needs_a_mac(mac):
    assert state(addresses=[{"mac": mac, "ip": "10.0.0.2/24"}]).addresses == ()


@pytest.mark.parametrize(
    ("line", "answers"),
    [
        (protocol.HELLO, []),
        (protocol.command_hosts([]), ["hosts"]),
        (protocol.command_nic("52:54:00:00:00:0a", ["dhcp"]), ["nic 52:54:00:00:00:0a"]),
        (protocol.command_clock(7), ["clock"]),
        (protocol.command_renew("true"), ["check renew"]),
        (protocol.command_run("4", "true", stdin=False), ["4 stdout", "4 stderr", "4 exit"]),
        (protocol.command_run("4", "true", stdin=True), ["4 stdout", "4 stderr", "4 exit", "4 wants"]),
        (protocol.command_more(Output("4", "stderr", b"x")), ["4 stderr"]),
        (protocol.command_stdin("4", b"run 5 x"), ["stdin 4", "4 wants"]),
        (protocol.command_kill("4"), []),
    ],
)
def test_a_line_says_what_may_be_answered(line, answers):
    assert protocol.asked(line) == answers


def test_each_message_says_what_it_answers():
    run = protocol.asked(protocol.command_run("4", "true", stdin=True))
    messages = (Output("4", "stdout", b""), Output("4", "stderr", b""), Exit("4", 0), StdinWanted("4"))
    assert [each.answers for each in messages] == run
    assert Reply("hosts", ok=True).answers in protocol.asked(protocol.command_hosts([]))


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
