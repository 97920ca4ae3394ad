"""Speed and time left, on a clock that stands still until it is moved."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from labctl.core.events import StepProgress
from labctl.report.plain import Plain
from labctl.report.rate import Rate
from labctl.report.terminal import _Line, _work

MIB = 1 << 20


@pytest.fixture
def clock():
    return SimpleNamespace(now=100.0)


@pytest.fixture
def rate(clock):
    return Rate(lambda: clock.now)


def test_one_sample_tells_nothing(rate, clock) -> None:
    assert rate.text(MIB) == ""
    rate.add("downloading", 0)
    clock.now += 5
    assert rate.text(MIB) == ""


def test_speed_and_time_left(rate, clock) -> None:
    rate.add("downloading", 0)
    clock.now += 2
    rate.add("downloading", 20 * MIB)
    assert rate.text(320 * MIB) == "10.0MiB/s, 30 s left"
    assert rate.text(0) == "10.0MiB/s"
    assert rate.text(20 * MIB) == "10.0MiB/s"
    assert rate.text(20020 * MIB) == "10.0MiB/s, 33 min 20 s left"


def test_what_was_there_before_does_not_count(rate, clock) -> None:
    """A resumed download begins in the middle."""
    rate.add("downloading", 500 * MIB)
    clock.now += 2
    rate.add("downloading", 502 * MIB)
    assert rate.text(0) == "1.0MiB/s"


def test_only_the_last_seconds_count(rate, clock) -> None:
    for second in range(100):
        clock.now += 1
        rate.add("downloading", min(second, 50) * MIB + second * 1024)
    assert rate.text(0) == "1.0KiB/s"


def test_what_stalls_gets_slower(rate, clock) -> None:
    rate.add("downloading", 0)
    clock.now += 2
    rate.add("downloading", 2048)
    clock.now += 6
    assert rate.text(0) == "256.0B/s"


@pytest.mark.parametrize(("work", "done"), [("verifying", 5000), ("downloading", 10)])
def test_other_work_and_a_new_start_begin_anew(rate, clock, work, done) -> None:
    rate.add("downloading", 0)
    clock.now += 2
    rate.add("downloading", 4096)
    assert rate.text(0)
    rate.add(work, done)
    assert rate.text(0) == ""


def test_plain_tells_it_where_it_is_known(clock) -> None:
    stream = io.StringIO()
    sink = Plain(stream, verbose=True, clock=lambda: clock.now)
    sink(StepProgress("image/debian-12", "downloading", 0, 340 * MIB))
    clock.now += 4
    sink(StepProgress("image/debian-12", "downloading", 40 * MIB, 340 * MIB))
    sink(StepProgress("image/other", "downloading", MIB, 0))
    assert stream.getvalue().splitlines() == [
        "image/debian-12: downloading 0B of 340MiB",
        "image/debian-12: downloading 40MiB of 340MiB, 10.0MiB/s, 30 s left",
        "image/other: downloading 1MiB",
    ]


def test_the_terminal_tells_it_beside_the_bar(rate, clock) -> None:
    line = _Line("downloading", done=40 * MIB, total=340 * MIB, rate=rate)
    rate.add("downloading", 0)
    clock.now += 4
    rate.add("downloading", 40 * MIB)
    assert drawn(line).startswith("downloading ━")
    assert drawn(line).endswith("11% 10.0MiB/s, 30 s left")


def test_the_terminal_tells_bytes_where_their_end_is_not_known(rate) -> None:
    assert drawn(_Line("downloading", done=40 * MIB, rate=rate)) == "downloading 40MiB"
    assert drawn(_Line("shutting down")) == "shutting down"


def drawn(line: _Line) -> str:
    stream = io.StringIO()
    Console(file=stream, width=120).print(_work(line))
    return stream.getvalue().strip()
