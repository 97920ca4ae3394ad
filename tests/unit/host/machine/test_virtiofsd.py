"""Where virtiofsd is."""

import json

import pytest

from labctl.host.machine import virtiofsd


@pytest.fixture
def described(tmp_path, monkeypatch):
    folder = tmp_path / "vhost-user"
    folder.mkdir()
    monkeypatch.setattr(virtiofsd, "DESCRIBED", (str(tmp_path / "nowhere"), str(folder)))
    return folder


def test_it_is_what_qemus_folder_describes(described, tmp_path):
    program = tmp_path / "virtiofsd"
    (described / "50-fs.json").write_text(json.dumps({"type": "fs", "binary": str(program)}))
    assert virtiofsd.find() is None
    program.touch(mode=0o755)
    assert virtiofsd.find() == str(program)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"type": "gpu", "binary": "/bin/sh"}', '{"type": "fs", "binary": 5}']
)
def test_what_describes_something_else_is_none(described, text):
    (described / "50.json").write_text(text)
    assert virtiofsd.find() is None
