"""What the global options mean for every command: above all, --json is never taken and ignored."""

import json
import re
import shlex
from typing import get_args

import pytest

import labctl.cli
from labctl import resources
from labctl.cli.schema import Schema
from labctl.core.errors import UsageError
from tests import schemas
from tests.unit.cli.test_app import PATHS, command
from tests.unit.cli.test_verbs import here  # noqa: F401  # a fixture

EVERY = [*PATHS, ("help",)]
WITHOUT = [
    "completion",
    "console",
    "copy",
    "graph",
    "help",
    "init",
    "rootless exec",
    "rootless stop",
    "screenshot",
    "send-keys",
    "ssh",
    "ssh-config",
]
# What runs on libvirt's test driver, each on one of its own.
DAY = [
    "validate",
    "show",
    "plan",
    "trust",
    "doctor",
    "up",
    "status",
    "list",
    "forward",
    "suspend --yes",
    "resume --yes",
    "reload --yes",
    "halt --yes",
    "destroy --yes",
    "image list",
    "image verify",
    "image prune --yes",
]


def form(path) -> str:
    """What the help says of the form of its JSON; empty where it has none."""
    (option,) = (each for each in command(path).params if each.name == "json")
    assert option.hidden == (not option.help)
    return option.help


def example(path) -> list[str]:
    """The words of the example in its help, behind `labctl`."""
    written = re.search(r"^Example: .*?labctl ([^;|>&)`]*)", command(path).help, re.MULTILINE)[1]
    return shlex.split(written)


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_each_command_has_json_of_a_form_that_is_told_or_refuses_the_option(path):
    words = ["--json", *example(path)]
    if told := form(path):
        name = re.search(r"`(?:labctl schema (\S+)|https://\S+)`", told)[1]
        assert name is None or name in schemas.names()
        assert labctl.cli.parse(words).args[0].json
        return
    with pytest.raises(UsageError, match=f"^`labctl {' '.join(path)}` has no JSON to print$") as refused:
        labctl.cli.parse(words)
    assert refused.value.hint == "leave out --json"


def test_those_without_json_are_about_no_data():
    assert [" ".join(path) for path in sorted(EVERY) if not form(path)] == WITHOUT


def test_each_schema_is_printed():
    assert sorted(get_args(Schema)) == schemas.names()


@pytest.mark.parametrize("schema", schemas.names())
def test_a_vm_has_a_name_and_what_is_about_a_vm_names_it_as_vm(schema):
    """docs/adr/0041."""
    text = json.loads(resources.text(f"schemas/{schema}.schema.json"))
    listed = text.get("properties", {}).get("vms", {}).get("items")
    if listed and schema != "labfile":
        vm = text["$defs"]["vm"] if "$ref" in listed else listed
        assert "name" in vm["required"]
        assert "vm" not in vm["properties"]
    for properties in held(text, "properties"):
        assert "vm" not in properties or properties["vm"]["type"] == "string"


def held(value, key):
    """What stands anywhere in it under this key."""
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        yield from held(each, key)


@pytest.mark.usefixtures("here")
def test_what_is_printed_is_of_that_form(capsys):
    for line in DAY:
        path = tuple(word for word in line.split() if not word.startswith("-"))
        labctl.cli.run([*line.split(), "--json"])
        out = capsys.readouterr().out
        name = re.search(r"labctl schema (\S+)`", form(path))[1]
        if name == "events":
            assert schemas.fit_lines(out)[0] == {"event": "Format", "format": 1}, line
        else:
            found = json.loads(out)
            schemas.fits(found, name)
            assert found["format"] == 1, line
