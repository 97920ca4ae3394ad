"""A lab's keys."""

from pathlib import Path

import pytest

from labctl.core.errors import LabctlError
from labctl.host.access.keys import Keys


def test_keys_that_cannot_be_read_are_an_error_that_names_them(tmp_path, monkeypatch):
    def denied(self, *_arguments, **_options):
        raise PermissionError(13, "Permission denied", str(self))

    keys = Keys(tmp_path)
    monkeypatch.setattr(Path, "stat", denied)
    for use in (keys.secret, keys.known, keys.has_login, lambda: keys.known_host("web")):
        with pytest.raises(LabctlError, match="can't read the lab's keys: Permission denied"):
            use()
