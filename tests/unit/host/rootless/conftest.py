"""The folder of a user's own libvirt."""

import pytest

from labctl.host.rootless.state import State


@pytest.fixture
def state(tmp_path):
    """One of a libvirt that was never started."""
    made = State(tmp_path / "rootless")
    made.make()
    return made
