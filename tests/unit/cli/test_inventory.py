"""The verb `inventory`: where its texts go, and what its options exclude."""

import json

import pytest
import yaml

import labctl.cli
from labctl.core.errors import UsageError
from tests.unit.overviews import LABFILE, seen, vm


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Labfile.yaml").write_text(LABFILE)
    seen(monkeypatch, vm("db"))
    return tmp_path


def told(capsys, *words):
    assert labctl.cli.run(["inventory", *words]) == 0
    return capsys.readouterr()


def test_yaml_json_and_what_a_script_is_asked(capsys):
    text, errors = told(capsys)
    static = yaml.safe_load(text)
    assert list(static["all"]["hosts"]) == ["db", "web-1", "web-2"]
    assert "warning: SSH does not lead to web-1: it does not exist yet\n" in errors
    assert json.loads(told(capsys, "--json").out) == static
    listed = json.loads(told(capsys, "--list").out)
    assert listed["_meta"]["hostvars"] == static["all"]["hosts"]
    assert json.loads(told(capsys, "--host", "db").out) == static["all"]["hosts"]["db"]
    assert told(capsys, "-q").err == ""


@pytest.mark.parametrize("name", ["hosts.yaml", "hosts.json", "hosts"])
def test_a_file_has_what_would_be_printed(capsys, lab, name):
    printed = told(capsys, *(["--json"] if name.endswith("json") else [])).out
    assert told(capsys, "-o", name).out == ""
    assert (lab / name).read_text() == printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--list", "--host", "db"], "exclude each other"),
        (["--list", "-o", "x.yaml"], "exclude each other"),
        (["-o", "hosts.ini"], "Ansible would not read hosts.ini as YAML"),
        (["--host", "dbb"], "no VM is called dbb"),
    ],
)
def test_what_is_refused(words, message):
    with pytest.raises(UsageError, match=message):
        labctl.cli.run(["inventory", *words])
