import asyncio
import threading

import pytest

from labctl.core import coroutines


async def twice(value):
    await asyncio.sleep(0)
    if value is None:
        raise ValueError
    return 2 * value, threading.current_thread()


def test_it_runs_in_this_thread():
    assert coroutines.run(twice(2)) == (4, threading.current_thread())


def test_beside_a_running_loop_it_gets_a_thread():
    async def outer():
        return coroutines.run(twice(2))

    value, thread = asyncio.run(outer())
    assert value == 4
    assert thread is not threading.current_thread()


@pytest.mark.parametrize("beside", [False, True])
def test_errors_come_out(beside):
    async def outer():
        return coroutines.run(twice(None))

    with pytest.raises(ValueError, match=r"^$"):
        asyncio.run(outer()) if beside else coroutines.run(twice(None))


def test_one_that_is_stopped_cleans_up_and_is_an_interruption():
    begun, cleaned = threading.Event(), []

    async def endless():
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    work = coroutines.Stoppable(endless())
    assert not work.stop()  # it does not run yet

    def stop():
        begun.wait()
        assert work.stop()
        assert not work.stop()

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        work.result()
    thread.join()
    assert cleaned == [True]


def test_one_that_is_not_stopped_gives_its_result():
    assert coroutines.Stoppable(twice(2)).result()[0] == 4


@pytest.mark.parametrize("fails", [False, True])
def test_of_two_side_by_side_the_one_that_still_runs_has_ended_after_the_block(fails):
    ended = []

    async def long():
        try:
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(0)
            ended.append("cleaned up")

    async def run():
        async with coroutines.side_by_side(long(), twice(None if fails else 2)) as (one, other):
            assert (one.done(), other.done(), ended) == (False, True, [])
        assert one.cancelled()
        return other.exception() is not None

    assert asyncio.run(run()) is fails
    assert ended == ["cleaned up"]
