import yaml

from labctl.core.errors import Position
from labctl.labfile.resolved import Value
from labctl.labfile.yaml_reader import read_yaml
from labctl.report.colour import Paint
from labctl.report.resolvedtext import render

ODD = [
    "#",
    "- a",
    "a: b",
    "yes",
    "on",
    "<<",
    "=",
    "2026-11-27",
    "0o17",
    "1e3",
    "0600",
    "null",
    "1",
    "",
    "  two\n lines\n",
    "tab\there\n",
    "\u202e",
    "it's",
    "[x",
    "x\n\n\ny",
    "%a",
    "@b",
]


def value(path, content, layer="", line=1):
    return Value(path, content, layer, Position("Labfile.yaml", line, 3))


def test_comments_stand_in_a_column_unless_a_line_is_too_long():
    long = "x" * 50
    values = [
        value(("vms", "web", "memory"), "1GiB", "defaults", 4),
        value(("vms", "web", "ready", 0, "tcp"), 80, "vms.web", 7),
        value(("vms", "web", "ready", 0, "interval"), "2s", "vms.web", 8),
        value(("vms", "web", "ready", 1, "exec"), f"{long}\nb\n", "vms.web", 9),
        value(("vms", "web", "networks"), [], "vms.web", 11),
        value(("vms", "web", "user"), long, "vms.web", 12),
    ]
    assert render(values, 1, Paint()).split("\n") == [
        "web:",
        "  memory: 1GiB      # defaults, Labfile.yaml:4:3",
        "  ready:",
        "    - tcp: 80       # vms.web, Labfile.yaml:7:3",
        "      interval: 2s  # vms.web, Labfile.yaml:8:3",
        "    - exec: |       # vms.web, Labfile.yaml:9:3",
        f"        {long}",
        "        b",
        "  networks: []      # vms.web, Labfile.yaml:11:3",
        f"  user: {long}  # vms.web, Labfile.yaml:12:3",
    ]
    assert render(values[:1], 3, Paint()) == "1GiB  # defaults, Labfile.yaml:4:3"


def test_the_text_is_yaml_with_the_same_values_whatever_they_hold():
    values = [value(("list", at), each) for at, each in enumerate(ODD)]
    values += [value(("map", each or "empty"), each) for each in ODD]
    values += [value(("deep", "a", 0, "b", 0, each or "empty"), each) for each in ODD]
    values += [value(("some", str(each)), each) for each in (None, True, 1.5, 7, [], {})]
    tree, problems = read_yaml(render(values, 0, Paint()).encode(), "shown.yaml")
    assert not problems
    assert tree == {
        "list": ODD,
        "map": {each or "empty": each for each in ODD},
        "deep": {"a": [{"b": [{each or "empty": each for each in ODD}]}]},
        "some": {"None": None, "True": True, "1.5": 1.5, "7": 7, "[]": [], "{}": {}},
    }


def test_a_labfile_is_yaml_12_and_cloud_config_is_11_too():
    """`on` is a key of a step of provisioning, but true for cloud-init."""
    values = [
        value(("provision", 0, "on"), ["web"]),
        value(("provision", 0, "shell"), "yes"),
        value(("vms", "web", "cloud_init", "on", "at"), "yes"),
        value(("vms", "web", "cloud_init", "mode"), "0o600"),
    ]
    lines = [line.partition("#")[0].rstrip() for line in render(values, 0, Paint()).split("\n")]
    assert [line.strip(" -") for line in lines] == [
        "provision:",
        "on:",
        "web",
        "shell: yes",
        "vms:",
        "web:",
        "cloud_init:",
        "'on':",
        "at: 'yes'",
        "mode: '0o600'",
    ]
    assert yaml.safe_load(render(values, 0, Paint()))["vms"]["web"]["cloud_init"]["on"] == {"at": "yes"}
