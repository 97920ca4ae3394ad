"""What a guest's program writes, line by line."""

from labctl.kinds.provision.output import LONGEST, MOST, Output


def lines(*pieces):
    told = []
    output = Output(told.append)
    for piece in pieces:
        output.write(piece)
    output.end()
    return told, output.last


def test_lines_are_told_whole_whatever_the_pieces_are():
    told, last = lines(b"o", b"ne\ntw", b"o\r\n\xc3", b"\xa9\n", b"10%\r100%\nend")
    assert told == ["one", "two", "é", "100%", "end"]
    assert last == "\n  | one\n  | two\n  | é\n  | 100%\n  | end"


def test_what_is_told_has_an_end():
    told, last = lines(*[b"x" * 999 + b"\n"] * 2000, b"the end\n")
    assert told[-1] == "… (the rest is in /var/log/labctl-provision.log of the guest)"
    assert sum(map(len, told)) <= MOST + LONGEST
    assert last.endswith("\n  | the end")
    told, _ = lines(b"y" * 10_000)
    assert {len(line) for line in told} <= {LONGEST}
