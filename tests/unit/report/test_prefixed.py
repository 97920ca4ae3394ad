"""Lines of several VMs stay whole, and act on no terminal."""

import io

from labctl.report.colour import Paint
from labctl.report.prefixed import Prefixed, prefixes


def written(*pieces, masked=str):
    stream = io.StringIO()
    sink = Prefixed(stream, "web | ", masked)
    for piece in pieces:
        sink.write(piece)
        sink.flush()
    before = stream.getvalue()
    sink.close()
    return before, stream.getvalue()


def test_lines_are_written_when_they_end():
    assert written(b"a\nb", b"c\r\n\nd") == (
        "web | a\nweb | bc\nweb | \n",
        "web | a\nweb | bc\nweb | \nweb | d\n",
    )


def test_nothing_of_a_vm_acts_on_a_terminal():
    assert written(b"\x1b[2J\xff\n")[1] == "web | \\x1b[2J\N{REPLACEMENT CHARACTER}\n"


def test_secrets_are_masked():
    assert (
        written(b"pass: hun", b"ter2\n", masked=lambda text: text.replace("hunter2", "***"))[1]
        == "web | pass: ***\n"
    )


def test_names_are_as_wide_as_the_widest():
    assert prefixes(["a", "bcd"], Paint()) == {"a": "a   | ", "bcd": "bcd | "}
    coloured = prefixes(["a", "b"], Paint(enabled=True))
    assert coloured["a"].replace("a |", "b |") != coloured["b"]
