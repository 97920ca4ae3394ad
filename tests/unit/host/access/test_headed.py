"""What a guest sends behind its first line is taken in whatever pieces it comes."""

import re

import pytest

from labctl.core.errors import LabctlError
from labctl.host.access.headed import HEAD_BYTES, Headed

HEAD = re.compile(rb"size (\d{1,3})\n")


def taken(*pieces, limit=10):
    begun, content = [], []
    sink = Headed(HEAD, content.append, limit, lambda head: begun.append(head[1]))
    for piece in pieces:
        sink.write(piece)
        sink.flush()
    return begun, b"".join(content), sink


@pytest.mark.parametrize("size", range(1, 12))
def test_the_pieces_may_end_anywhere(size):
    data = b"size 5\none\ntwo"
    begun, content, sink = taken(*(data[at : at + size] for at in range(0, len(data), size)))
    assert (begun, content, sink.head[1]) == ([b"5"], b"one\ntwo", b"5")


@pytest.mark.parametrize("pieces", [[b"no size\n"], [b"x" * HEAD_BYTES], [b"size 1", b"234\n"]])
def test_another_first_line_is_an_error(pieces):
    with pytest.raises(LabctlError, match="the guest did not say what it sends"):
        taken(*pieces)


def test_so_is_none():
    _, _, sink = taken(b"size ")
    with pytest.raises(LabctlError, match="the guest did not say what it sends"):
        _ = sink.head


def test_more_than_the_limit_is_not_taken():
    with pytest.raises(LabctlError, match="sends more than 10B"):
        taken(b"size 5\n", b"x" * 8, b"y" * 3)
