"""JSON lines, fed with recorded events, and the schemas of what labctl writes as JSON."""

import io
import json

import jsonschema
from referencing import Registry, Resource

from labctl import resources
from labctl.core.events import ConsoleLine
from labctl.report.plain import Plain
from tests.unit.report.samples import EVENTS, fed, json_lines, sample


def validator(name: str):
    schemas = {
        each: json.loads(resources.text(f"schemas/{each}.schema.json"))
        for each in ("plan", "events", "status")
    }
    registry = Registry().with_resources(
        [(f"{each}.schema.json", Resource.from_contents(text)) for each, text in schemas.items()]
    )
    return jsonschema.Draft202012Validator(schemas[name], registry=registry)


def test_json_lines_fit_their_schema():
    stream = io.StringIO()
    fed(json_lines(stream))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert lines[0] == {"event": "Format", "format": 1}
    assert [line["event"] for line in lines[1:]] == [type(event).__name__ for event in EVENTS]
    for line in lines:
        validator("events").validate(line)
    assert (lines[-1]["ok"], lines[-1]["ending"], lines[-1]["exit_code"]) == (False, "unready", 4)


def test_logs_and_programs_get_no_lines_of_consoles():
    for make in (json_lines, Plain):
        stream = io.StringIO()
        fed(make(stream), [ConsoleLine("db", "Started ssh.service")])
        assert not stream.getvalue()


def test_the_plan_fits_its_schema():
    validator("plan").validate(sample().to_json())
