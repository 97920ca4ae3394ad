"""A terminal on a console."""

import os
from threading import Thread
from unittest.mock import Mock

from labctl.host.access.terminal import LEAVE, attach


def test_a_key_that_is_pressed_as_the_console_opens_is_not_lost():
    leader, terminal = os.openpty()
    attached = Thread(
        target=attach,
        args=(Mock(), terminal, terminal),
        kwargs={"opened": lambda: os.write(leader, LEAVE)},
        daemon=True,
    )
    attached.start()
    attached.join(10)
    assert not attached.is_alive()
    os.close(leader)
    os.close(terminal)
