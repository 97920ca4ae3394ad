"""VMs that go on from their memory are ready once the conditions of the Labfile, which need not be there, are met."""

import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from labctl.app import change
from labctl.app.status import status
from labctl.core.events import Diagnostic, PlanReady, StepStarted
from labctl.core.lifecycle import State
from labctl.host.libvirt.domain_state import state_of

LEFT_OUT = "`ready` conditions of {} are not checked, and steps with `run: always` do not run there: "


class Page(BaseHTTPRequestHandler):
    """What the lab's condition asks for, in place of a guest, which the test driver has none of."""

    def do_GET(self):  # the base calls it
        self.server.asked += 1
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_words):
        """Say nothing."""


@pytest.fixture
def page():
    server = HTTPServer(("127.0.0.1", 0), Page)
    server.status, server.asked = 200, 0
    thread = threading.Thread(target=partial(server.serve_forever, 0.01))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def saved(world, page):
    """The lab, whose db is ready when a page answers; its memory was saved, and that of the others."""
    condition = f"{{http: 'http://127.0.0.1:{page.server_port}/', timeout: 1s, interval: 1s}}"
    world.edit("db: {", f"db: {{ready: [{condition}], ")
    assert world.run() == 0, world.failures()
    assert world.run(partial(change.suspend, disk=True)) == 0, world.failures()
    assert ready(world) is False
    page.asked = 0
    return world


def resume(session, *run):
    """As the command line does it: the Labfile may be wrong, and nobody said yes beforehand."""
    session.labfile_optional, session.trust = True, False
    return change.resume(session, *run)


def ready(world):
    return next(row.ready for row in status(world.session()).rows if row.name == "db")


def notes(world):
    return [each.summary for each in world.events if isinstance(each, Diagnostic) and each.severity == "note"]


def test_a_condition_is_checked_again(saved, page):
    assert saved.run(resume) == 0, saved.failures()
    assert (ready(saved), page.asked) == (True, 1)
    assert not any(text.startswith("`ready`") for text in notes(saved))
    assert not saved.plan(), str(saved.plan())


def test_one_that_is_not_met_ends_the_run_with_the_lab_back(saved, page):
    """No VM waits for another that goes on with it, although the webs depend on db."""
    page.status = 503
    assert saved.run(resume) == 4
    (failed,) = saved.failures()
    assert "is not met (status 503)" in failed.error
    assert failed.address == "vm/db"
    assert ready(saved) is False
    assert {state_of(saved.domain(name)) for name in ("db", "web-1", "web-2")} == {State.RUNNING}
    page.status = 200
    assert saved.run() == 0
    assert ready(saved) is True


WRONG = ("memory: 64MiB", "memory: lots")
WRONG_HERE = ("db: {", "db: {xml: [{at: nothing/there, set: {a: b}}], ")
NO_YES = ("timeout: 1s", "timeout: 1s}, {http: 'http://127.0.0.2:1/'")
NOT_NAMED = ("back], depends_on: [db]}\n  db: {", "back]}\n  data: {")


@pytest.mark.parametrize(("old", "new"), [WRONG, WRONG_HERE, NO_YES, NOT_NAMED])
def test_without_a_labfile_for_it_they_go_on_and_that_is_told(saved, page, old, new):
    saved.edit(old, new)
    assert saved.run(resume) == 0, saved.failures()
    assert [text for text in notes(saved) if text.startswith(LEFT_OUT.format("db"))]
    assert page.asked == 0
    assert state_of(saved.domain("db")) is State.RUNNING


def test_who_did_not_go_on_is_not_asked_again(saved, page):
    assert saved.run(resume, "web-1") == 0
    assert page.asked == 0
    assert saved.run(resume) == 0
    assert saved.run(resume) == 0
    assert page.asked == 1
    assert not [each for each in saved.events if isinstance(each, StepStarted)]


def test_what_else_the_labfile_changed_is_left_for_up(saved):
    saved.edit("memory: 64MiB", "memory: 128MiB")
    saved.edit("networks: [back],", "networks: [back, front],")
    before = {str(step.address) for step in saved.plan().steps}
    assert saved.run(resume) == 0, saved.failures()
    assert {str(step.address) for step in saved.plan().steps} == before


def test_what_had_its_yes_is_not_listed_where_nobody_decides(saved):
    assert saved.plan().reaches
    assert saved.run(resume) == 0, saved.failures()
    (shown,) = (each.plan for each in saved.events if isinstance(each, PlanReady))
    assert (bool(shown.steps), shown.reaches) == (True, ())
