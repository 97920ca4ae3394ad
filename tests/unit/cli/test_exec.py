"""What `exec` writes, and how it ends."""

import json

import pytest

from labctl import cli
from labctl.app.one_vm import NotRunning
from labctl.app.run_in_vms import Ran
from labctl.cli import exec as verb
from labctl.cli.options import Options
from labctl.core.errors import LabctlError, UsageError
from tests import schemas

GONE = Ran("db", 255, error=LabctlError("it is gone", hint="mend it"))


def output(*names, **options):
    return verb.Output(Options(**options), names)


def test_of_several_vms_it_tells_which_failed(capfd):
    several = output("db", "web")
    stdout, stderr = several.command(["x"], "").outputs("web")
    stdout.write(b"a\nhalf")
    stderr.write(b"b\n")
    assert several.command(["x"], "").stdin is None
    assert several.code([GONE, Ran("web", 7)]) == 1
    told = capfd.readouterr()
    assert told.out == "web | a\nweb | half\n"
    assert told.err == "web | b\nerror: vm/web: exit code 7\nerror: vm/db: it is gone\n  hint: mend it\n"
    assert several.code([Ran("db", 0), Ran("web", 0)]) == 0


def test_one_command_brings_up_all_that_it_could_not_run_in(capfd):
    down = [Ran(vm, 255, error=NotRunning(vm)) for vm in ("db", "web")]
    assert output("db", "web").code(down) == 1
    assert capfd.readouterr().err == (
        "error: vm/db: it is not there yet\nerror: vm/web: it is not there yet\n"
        "  hint: `labctl up db web` makes them\n"
    )


def test_of_one_vm_the_code_is_the_command_s_and_nothing_is_added(capfd):
    single = output("db")
    assert single.command(["x"], "").stdin is not None
    assert single.code([Ran("db", 7)]) == 7
    assert capfd.readouterr() == ("", "")
    assert single.code([GONE]) == 255
    assert "it is gone" in capfd.readouterr().err


def test_json_has_an_object_a_vm(capfd):
    both = output("db", "web", json=True)
    assert both.command(["x"], "").outputs("web") == (None, None)
    assert both.code([Ran("db", 0, b"a\xff"), Ran("web", 3, b"", b"b")]) == 1
    told = json.loads(capfd.readouterr().out)
    schemas.fits(told, "exec")
    assert told == {
        "format": 1,
        "vms": [
            {"name": "db", "exit_code": 0, "stdout": "a\ufffd", "stderr": "", "error": None},
            {"name": "web", "exit_code": 3, "stdout": "", "stderr": "b", "error": None},
        ],
    }


@pytest.mark.parametrize("words", [["exec"], ["exec", "web"], ["exec", "--all", "--"]])
def test_without_a_command_it_says_how_one_is_given(words):
    with pytest.raises(UsageError, match="what is to be run") as caught:
        cli.run(words)
    assert "labctl exec --all -- uptime" in caught.value.hint
