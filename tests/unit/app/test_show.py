"""What `labctl show` says, as its user sees it."""

import json

import pytest

import labctl.cli
from labctl.core.errors import UsageError
from tests import schemas

LABFILE = """labfile: 1
name: lab
parameters: {pin: {type: integer, secret: true}}
defaults: {image: none, memory: 32MiB}
vms:
  web: {networks: [], cloud_init: {pin: "${pin}", text: "the pin is ${pin}", also: {file: x}}}
  db: {cloud_init: {file: ../elsewhere.yaml}}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    inner = tmp_path / "lab"
    inner.mkdir()
    (inner / "Labfile.yaml").write_text(LABFILE)
    (tmp_path / "elsewhere.yaml").write_text("runcmd: [of somebody else]\n")
    monkeypatch.chdir(inner)
    monkeypatch.setenv("LABCTL_SET_PIN", "7654321")
    return inner


@pytest.fixture
def shown(folder, capsys):
    def show(*words):
        assert labctl.cli.run(["show", *words]) == 0
        return capsys.readouterr().out

    return show


def test_a_part_is_shown_with_its_layer_and_its_place(shown):
    assert shown("vms.web.memory") == "32MiB  # defaults, Labfile.yaml:4:33\n"


def test_secrets_and_the_content_of_others_files_are_hidden(shown):
    text = shown()
    assert "7654321" not in text
    assert "the pin is ***" in text
    assert "somebody" not in text
    assert "(in a file from outside the Labfile's folder)" in text


def test_json_has_the_schema_and_hides_secrets_that_are_numbers(shown):
    found = json.loads(shown("--json"))
    schemas.fits(found, "show")
    values = {each["path"]: each for each in found["values"]}
    assert values["vms.web.cloud_init.pin"]["value"] == "***"
    assert values["vms.db.memory"] == {
        "path": "vms.db.memory",
        "value": "32MiB",
        "layer": "defaults",
        "file": "Labfile.yaml",
        "line": 4,
        "column": 33,
    }


def test_an_unknown_path_is_told_with_the_nearest(shown):
    with pytest.raises(UsageError, match=r"says nothing at vms\.wep") as caught:
        shown("vms.wep")
    assert caught.value.hint == "did you mean vms.web?"
