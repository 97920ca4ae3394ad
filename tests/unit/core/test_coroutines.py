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
