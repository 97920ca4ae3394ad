import pytest

from labctl.host.access.last_line import CHARS, telling


@pytest.mark.parametrize(
    ("console", "line"),
    [
        ("[  OK  ] Started ssh.service\r\n", "Started ssh.service"),
        ("[\x1b[0;32m  OK  \x1b[0m] Reached target network\r\n", "Reached target network"),
        ("[    1.234567] [T1] random: crng init done\r\n", "random: crng init done"),
        ("cloud-init[312]: Cloud-init v. 22.4 running\r\n", "Cloud-init v. 22.4 running"),
        ("Booting\r\n\r\n----\r\n[1] 2 3\r\n", "Booting"),
        ("Started one\r\nStarting tw", "Started one"),  # the guest is just writing the last one
        ("", ""),
        ("no end of line", ""),
        ("\x1b]0;title\x07\x1b[2Jhello\x00 world\x9b31m\r\n", "]0;titlehello world31m"),
    ],
)
def test_it_is_the_last_whole_line_that_says_something(console, line):
    assert telling(console) == line


def test_a_long_line_is_cut():
    assert len(telling("x" * 4000 + "\n")) < CHARS + 40
