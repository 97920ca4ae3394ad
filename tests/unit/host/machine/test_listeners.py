"""Who listens on a port, on a made-up /proc."""

import pytest

from labctl.host.machine.listeners import listener

HEAD = "sl local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode\n"
ROW = " 0: {address}:{port:04X} 00000000:0000 {state} 0:0 00:0 0 0 0 {inode}\n"
EVERY, LOOPBACK = "00000000", "0100007F"
LISTENS, CONNECTED, UDP = "0A", "01", "07"


@pytest.fixture
def proc(tmp_path):
    """One process, which has one socket, of inode 77."""
    (tmp_path / "net").mkdir()
    (tmp_path / "812/fd").mkdir(parents=True)
    (tmp_path / "812/comm").write_text("named\n")
    (tmp_path / "812/fd/0").symlink_to("/dev/null")
    (tmp_path / "812/fd/5").symlink_to("socket:[77]")
    return tmp_path


@pytest.mark.parametrize(
    ("file", "address", "state", "found"),
    [
        ("tcp", EVERY, LISTENS, "named (PID 812)"),
        ("tcp6", EVERY * 4, LISTENS, "named (PID 812)"),
        ("udp", EVERY, UDP, "named (PID 812)"),
        ("tcp", EVERY, CONNECTED, ""),
        ("tcp", LOOPBACK, LISTENS, ""),
    ],
)
def test_who_listens_on_every_address_is_named(proc, file, address, state, found):
    (proc / "net" / file).write_text(HEAD + ROW.format(address=address, port=53, state=state, inode=77))
    assert listener(53, proc) == found
    assert listener(54, proc) == ""


def test_a_socket_of_nobody_that_is_seen_is_told_of_nobody(proc):
    (proc / "net/udp").write_text(HEAD + ROW.format(address=EVERY, port=53, state=UDP, inode=78))
    assert listener(53, proc) == ""
