"""Tables on screens of any width."""

import re

import pytest

from labctl.report.colour import Paint, unsealed
from labctl.report.statustext import coloured
from labctl.report.table import table

HEAD = ("VM", "state", "ready", "addresses", "CPUs", "memory", "disks")
ROWS = [
    ["db", "running", "yes", ["back 10.111.57.2"], "1", "512MiB", ["root", "data"]],
    [
        "web",
        "running",
        "yes",
        ["front 10.114.189.2", "front fdd0:d7b0:42ba::2", "back 10.111.57.3 (link down)"],
        "2",
        "1GiB",
        ["root"],
    ],
    ["old", "absent", "-", [], "-", "-", []],
]
LONG = [["a-web-server-with-a-long-name-12", *ROWS[1][1:]], *ROWS]


def text(rows=ROWS, width=None):
    return table(HEAD, rows, Paint(), width)


def words(rows):
    return sorted(
        word
        for row in rows
        for cell in row
        for part in ([cell] if isinstance(cell, str) else cell)
        for word in part.split()
    )


def test_a_pipe_gets_a_line_for_each_row():
    addresses = "front 10.114.189.2, front fdd0:d7b0:42ba::2, back 10.111.57.3 (link down)"
    assert text(LONG).splitlines()[1:3] == [
        f"a-web-server-with-a-long-name-12  running  yes    {addresses}  2     1GiB    root",
        f"db                                running  yes    {'back 10.111.57.2':<73}  1     512MiB  root, data",
    ]


def test_on_a_narrower_screen_addresses_take_lines_of_their_own():
    assert text(width=80) == (
        "VM   STATE    READY  ADDRESSES                     CPUS  MEMORY  DISKS\n"
        "db   running  yes    back 10.111.57.2              1     512MiB  root, data\n"
        "web  running  yes    front 10.114.189.2,           2     1GiB    root\n"
        "                     front fdd0:d7b0:42ba::2,\n"
        "                     back 10.111.57.3 (link down)\n"
        "old  absent   -      -                             -     -       -"
    )


def test_where_that_does_not_suffice_they_stand_below():
    assert text(LONG, 80).splitlines()[:6] == [
        "VM                                STATE    READY  CPUS  MEMORY",
        "a-web-server-with-a-long-name-12  running  yes    2     1GiB",
        "  addresses  front 10.114.189.2, front fdd0:d7b0:42ba::2,",
        "             back 10.111.57.3 (link down)",
        "  disks      root",
        "db                                running  yes    1     512MiB",
    ]


@pytest.mark.parametrize("rows", [ROWS, LONG], ids=["short", "long"])
@pytest.mark.parametrize("width", [60, 80, 120, None])
def test_nothing_is_cut_off_and_no_line_is_too_wide(rows, width):
    told = text(rows, width)
    if width and not (width == 60 and rows is LONG):  # the name and what stands beside it take 61
        assert max(map(len, told.splitlines())) <= width
    for word in words(rows):
        assert re.search(rf"(?<!\S){re.escape(word)}(?![^\s,])", told), word


def test_the_longest_names_and_addresses_keep_to_80_columns():
    """A name has at most 31 characters, and an instance's number after it."""
    name = "n" * 31
    addresses = [f"{name} fdd0:d7b0:42ba:1111:2222:3333:4444:{at:04x} (link down)" for at in range(3)]
    row = [f"{name}-1000", "running", "yes", addresses, "512", "1023.5GiB", [name, "root"]]
    assert max(map(len, text([row], 80).splitlines())) <= 80


def test_states_have_their_colours_and_nothing_else_changes():
    for width in (None, 80, 60):
        painted = unsealed(coloured(HEAD, ROWS, Paint(enabled=True), width))
        assert "\x1b[32mrunning\x1b[0m" in painted
        assert re.sub(r"\x1b\[\d+m", "", painted) == text(width=width)


@pytest.mark.parametrize("width", [None, 40])
def test_a_table_without_rows_is_its_head(width):
    assert table(HEAD[:3], [], Paint(), width) == "VM  STATE  READY"
