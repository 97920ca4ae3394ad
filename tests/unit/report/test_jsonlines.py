"""JSON lines, fed with recorded events, and the schemas of what labctl writes as JSON."""

import io

from labctl.core.events import ConsoleLine
from labctl.report.plain import Plain
from tests import schemas
from tests.unit.report.samples import EVENTS, fed, json_lines, sample


def test_json_lines_fit_their_schema():
    stream = io.StringIO()
    fed(json_lines(stream))
    lines = schemas.fit_lines(stream.getvalue())
    assert lines[0] == {"event": "Format", "format": 1}
    assert [line["event"] for line in lines[1:]] == [type(event).__name__ for event in EVENTS]
    assert (lines[-1]["ok"], lines[-1]["ending"], lines[-1]["exit_code"]) == (False, "unready", 4)


def test_logs_and_programs_get_no_lines_of_consoles():
    for make in (json_lines, Plain):
        stream = io.StringIO()
        fed(make(stream), [ConsoleLine("db", "Started ssh.service")])
        assert not stream.getvalue()


def test_the_plan_fits_its_schema():
    schemas.fits(sample().to_json(), "plan")
