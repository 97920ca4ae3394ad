"""The verb `inventory`: where its texts go, and what its options exclude."""

import json

import pytest
import yaml

import labctl.cli
from labctl.core.errors import UsageError
from labctl.host.host import Host
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


def test_who_reads_it_is_told_where_a_users_own_libvirt_is_reached(capsys, monkeypatch):
    assert "rootless" not in told(capsys).err
    monkeypatch.setattr(Host, "inside", True)
    assert "note: these addresses are reached inside your own libvirt alone" in told(capsys).err
    for quiet in ("-q", "--list"):  # Ansible runs the latter, and shows what a script says as an error
        assert "rootless" not in told(capsys, quiet).err


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
