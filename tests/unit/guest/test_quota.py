"""What a guest may send: counted, by a clock of the tests' own."""

import pytest

from labctl.guest import quota
from labctl.guest.quota import ANSWER_BYTES, BURST_BYTES, LINE_BYTES, MESSAGE_BYTES, RATE_BYTES, Quota

CHUNK = b"x" * 65535 + b"\n"
STATE = b"x" * 4000 + b"\n"
PIECE = b"x" * 87_500 + b"\n"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def chunks_until_too_much(one: Quota, chunk: bytes) -> int:
    for count in range(100_000):
        if one.excess(chunk):
            return count
    raise AssertionError("it is never too much")


def test_a_flood_ends_within_what_is_kept_of_a_guest():
    for chunk in (CHUNK, b"\n" * 65536, b'{"event":"ack"}\n' * 4096, b"\0\n"):
        count = chunks_until_too_much(Quota(Clock()), chunk)
        assert count * len(chunk) <= BURST_BYTES
        assert count * chunk.count(b"\n") <= BURST_BYTES // LINE_BYTES
    assert (RATE_BYTES, BURST_BYTES, MESSAGE_BYTES) == (
        128 << 10,
        4 << 20,
        1 << 20,
    )  # as docs/security.md says


def test_a_line_without_end_is_too_much_before_all_else_is():
    one = Quota(Clock())
    chunks = chunks_until_too_much(one, b"x" * 65536)
    assert chunks * 65536 == MESSAGE_BYTES < BURST_BYTES
    assert Quota(Clock()).excess(b"x" * MESSAGE_BYTES + b"\n") == ""


def test_a_guest_that_boots_may_go_on_for_days():
    clock = Clock()
    one = Quota(clock)
    for _ in range(50_000):
        clock.now += 0.3
        assert one.excess(STATE) == ""


def test_what_was_not_sent_does_not_add_up():
    clock = Clock()
    one = Quota(clock)
    clock.now = 10.0**6
    for _ in range(1000):
        one.asked()
    assert chunks_until_too_much(one, CHUNK) * len(CHUNK) <= BURST_BYTES


def test_what_is_asked_for_is_not_held_against_the_guest():
    """The output of a command without end, at any speed: no time passes."""
    one = Quota(Clock())
    one.asked()
    assert one.excess(PIECE * 2) == ""
    for _ in range(1_000):  # 20 times what may come at once
        one.asked()
        assert one.excess(PIECE) == ""


def test_twenty_commands_may_begin_at_once():
    one = Quota(Clock())
    for _ in range(20):
        one.asked()
    for _ in range(20):
        assert one.excess(PIECE * 2) == ""
    assert 2 * len(PIECE) < ANSWER_BYTES


def test_a_guest_that_was_loud_is_heard_again_later():
    clock = Clock()
    one = Quota(clock)
    assert one.excess(CHUNK * (BURST_BYTES // (len(CHUNK) + LINE_BYTES))) == ""
    clock.now += 1
    assert one.excess(b"x" * (RATE_BYTES - LINE_BYTES - 1) + b"\n") == ""


@pytest.mark.parametrize(
    ("data", "what"), [(b"x" * (MESSAGE_BYTES + 1), "a line of"), (CHUNK * 64, "a second")]
)
def test_the_error_says_what_is_too_much_and_what_to_do(data, what):
    error = quota.TooMuch(Quota(Clock()).excess(data))
    assert "it sends more than a guest may on labctl's port: " in str(error)
    assert what in str(error)
    assert "labctl console" in error.hint
