"""The verbs themselves, on files and on libvirt's test driver."""

import io
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

import labctl.cli
from labctl.app import labfile_path
from labctl.cli import change, context
from labctl.cli.options import Options
from labctl.core.errors import Interrupted, Refused, Rejected, UsageError
from labctl.core.planning import plan
from labctl.host.rootless import outside
from labctl.kinds.warm.spec import WarmSpec
from labctl.labfile import init_templates
from tests import schemas
from tests.unit.report.samples import sample, specs, state_changed

NODE = "test://" + str(Path(__file__).parents[2] / "libvirt/node.xml")
LABFILE = """\
labfile: 1
name: shop
parameters: {n: {type: integer, default: 2}, token: {type: string, secret: true}}
defaults: {image: none, memory: 64MiB, disk: 1MiB, cloud_init: false}
networks: {front: {subnet: 10.90.0.0/24}}
vms:
  web: {count: "${n}", networks: [front]}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABCTL_CONNECT", NODE)
    monkeypatch.setenv("LABCTL_SET_TOKEN", "hunter2")
    (tmp_path / "Labfile.yaml").write_text(LABFILE)
    return tmp_path


def run(*words: str) -> int:
    return labctl.cli.run(list(words))


def test_plan(here, capsys):
    assert run("plan") == 0
    text = capsys.readouterr().out
    assert "+ vm/web-1" in text
    assert "plan: 6 to create" in text


def test_the_first_plan_says_of_no_row_that_it_is_not_there_yet(here, capsys):
    for words in ((), ("-v",)):
        assert run("plan", *words) == 0
        assert "not there" not in capsys.readouterr().out


@pytest.fixture
def watched(monkeypatch):
    """A lab that is looked at three times, and then Ctrl-C."""

    def looks(_hosts, look):
        yield from (look() for _ in range(3))
        raise KeyboardInterrupt

    monkeypatch.setattr("labctl.app.looks.looks", looks)


@pytest.mark.usefixtures("here", "watched")
def test_status_is_watched_until_ctrl_c(capsys):
    with pytest.raises(KeyboardInterrupt):
        run("status", "--watch")
    told = capsys.readouterr()
    assert told.out.count("web-1  absent") == 1, "nothing changed meanwhile"
    assert told.err == ""


@pytest.mark.usefixtures("here", "watched")
def test_each_change_is_a_line_of_json(capsys):
    with pytest.raises(KeyboardInterrupt):
        run("status", "--watch", "--json")
    (line,) = capsys.readouterr().out.splitlines()
    assert [vm["state"] for vm in json.loads(line)["vms"]] == ["absent", "absent"]


def test_plan_as_json_with_its_exit_code(here, capsys):
    assert run("plan", "--json", "--exit-code", "--set", "n=1") == 3
    found = json.loads(capsys.readouterr().out)
    assert [step["address"] for step in found["steps"] if step["address"].startswith("vm/")] == ["vm/web-1"]


def test_the_json_of_new_things_has_every_field_that_is_set(here, capsys):
    assert run("plan", "--json", "--set", "n=1") == 0
    found = json.loads(capsys.readouterr().out)
    schemas.fits(found, "plan")
    steps = {step["address"]: step["changes"] for step in found["steps"]}
    assert {change["before"] for changes in steps.values() for change in changes} == {None}
    vm = {change["field"]: (change["after"], change["effect"]) for change in steps["vm/web-1"]}
    assert vm["memory"] == (64 << 20, "live")
    assert vm["cpus"] == (1, "restart")
    assert vm["state"] == ("running", "live")
    assert vm["nics.front.model"] == ("virtio", "live")
    assert vm["disks.root.bus"] == ("virtio", "restart")
    assert {"field": "size", "before": None, "after": 1 << 20, "effect": "live"} in steps["disk/web-1/root"]


def test_a_plan_that_memory_stands_against_is_shown_with_one_warning(here, capsys, monkeypatch):
    monkeypatch.setattr("labctl.app.memory.available", lambda _host: 100 << 20)
    assert run("plan") == 0
    told = capsys.readouterr()
    assert "plan: 6 to create" in told.out
    assert told.err == (
        "warning: Labfile.yaml:4:33: vms.web.memory: `labctl up` would refuse this: 2 VMs need 128MiB of memory, and "
        "the host has 100MiB available (lower `memory`, start fewer VMs, halt another lab, or go on with "
        "--overcommit)\n"
    )
    assert run("plan", "--exit-code") == 3
    capsys.readouterr()
    with pytest.raises(Refused):
        run("up")
    assert "created" not in capsys.readouterr().err
    assert run("up", "--overcommit") == 0


def test_up_tells_on_stderr_and_json_on_stdout(here, capsys):
    assert run("up") == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "vm/web-2: created and running" in captured.err
    assert run("up", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (lines[0]["event"], lines[-1]["event"], lines[-1]["ok"]) == ("Format", "Finished", True)


def test_a_vm_that_nothing_is_told_of_is_never_called_ready(here, capsys):
    """It has neither a seed nor conditions: it runs, and more is not known."""
    assert run("up", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["stage"] for line in lines if line["event"] == "VmStage"} == {"started"}


def test_status_of_what_is_not_there(here, capsys):
    assert run("status", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(vm["name"], vm["state"]) for vm in found["vms"]] == [("web-1", "absent"), ("web-2", "absent")]
    assert run("status", "web-2") == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["web-2", "absent", *"-----"]


@pytest.mark.parametrize("width", [60, 80])
def test_status_is_no_wider_than_the_screen(here, capsys, monkeypatch, width):
    monkeypatch.setattr("labctl.report.wrap.width", lambda _stream: width)
    nics = ", ".join(f"{{name: front, nic: n{each}}}" for each in range(10, 16))
    (here / "Labfile.yaml").write_text(LABFILE.replace("networks: [front]", f"networks: [{nics}]"))
    assert run("up", "--set", "n=1") == 0
    capsys.readouterr()
    assert run("status") == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= width


def test_list_of_nothing(here, capsys):
    assert run("list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"format": 1, "labs": []}


def test_the_labfile_is_looked_for_in_the_folders_above(here, monkeypatch, capsys):
    (here / "a/b").mkdir(parents=True)
    monkeypatch.chdir(here / "a/b")
    assert run("validate") == 0
    captured = capsys.readouterr()
    assert captured.out == "ok: lab shop: 2 VMs, 1 network\n"
    assert captured.err == "using ../../Labfile.yaml\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
@pytest.mark.parametrize("whose", [".", "Labfile.yaml"])
def test_somebody_elses_labfile_in_a_folder_above_is_not_taken(here, monkeypatch, whose):
    (here / "a").mkdir()
    os.chown(here / whose, 4711, -1)
    monkeypatch.chdir(here / "a")
    with pytest.raises(UsageError, match="is uid 4711's"):
        run("validate")
    assert run("validate", "-f", "../Labfile.yaml") == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_a_labfile_of_the_machines_root_is_taken_where_that_one_is_nobody(here, monkeypatch):
    """Inside a user's own libvirt others are nobody too, and are told by name."""
    whose = {str(here): (0, "root"), str(here / "Labfile.yaml"): (0, "root")}
    (here / "a").mkdir()
    os.chown(here / "Labfile.yaml", 65534, -1)
    monkeypatch.chdir(here / "a")
    monkeypatch.setattr(outside, "inside", lambda: True)
    monkeypatch.setattr(outside, "owner_of", lambda path, _found: whose[path])
    assert run("validate") == 0
    whose[str(here / "Labfile.yaml")] = (1001, "dana")
    with pytest.raises(UsageError, match=r"Labfile\.yaml is dana's"):
        run("validate")


def test_a_folder_stands_for_its_labfile(here):
    assert labfile_path.find(str(here)) == str(here / "Labfile.yaml")


@pytest.mark.parametrize("asked", [".", "./", "", "./Labfile.yaml", ".//Labfile.yaml", "././/Labfile.yaml"])
def test_a_path_in_this_folder_stays_in_it(here, monkeypatch, asked):
    monkeypatch.chdir(here)
    assert labfile_path.find(asked) == "Labfile.yaml"


def test_no_labfile(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"no Labfile\.yaml here"):
        run("plan")


def test_a_standing_verb_remembers_that_there_is_no_labfile(tmp_path, monkeypatch):
    """Libvirt may know the lab; where it does not, the user is told of the Labfile."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABCTL_CONNECT", NODE)
    for verb in ("destroy", "halt", "ssh", "logs", "status"):
        with pytest.raises(UsageError, match=r"no Labfile\.yaml here"):
            run(verb)
    for asked, source in ((None, "Labfile.yaml"), ("gone.yaml", "gone.yaml"), (".", "Labfile.yaml")):
        assert context.session(Options(file=asked), labfile_optional=True).source == source


def test_validate_tells_every_problem(here, capsys):
    (here / "Labfile.yaml").write_text(
        "labfile: 1\nname: shop\ndefaults: {image: none}\nvms: {a: {memroy: 1}, b: {cpus: x}}\n"
    )
    with pytest.raises(Rejected) as caught:
        run("validate")
    assert len(caught.value.problems) == 2
    assert run("validate", "--json") == 2
    found = json.loads(capsys.readouterr().out)
    assert not found["ok"]
    assert [(each["line"], each["path"]) for each in found["problems"]] == [
        (4, "vms.a.memroy"),
        (4, "vms.b.cpus"),
    ]


@pytest.mark.parametrize("name", init_templates.template_names())
def test_init_writes_a_valid_labfile_once(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert run("init", name) == 0
    assert run("validate") == 0
    with pytest.raises(UsageError, match="exists already"):
        run("init", name)
    assert run("init", name, "--force") == 0


def test_init_knows_its_labs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        run("init", "pear")
    assert caught.value.hint == "did you mean pair?"


@pytest.mark.parametrize("name", ["labfile", "plan", "status", "events"])
def test_schema(capsys, name):
    assert run("schema", name) == 0
    assert json.loads(capsys.readouterr().out)["$schema"]


@pytest.mark.parametrize("word", ["x", "=1", ""])
def test_a_wrong_set(here, word):
    with pytest.raises(UsageError, match="NAME=VALUE"):
        run("plan", "--set", word)


CHOICES = {"terminal": True, "yes": False, "answer": ""}


class TestConfirmation:
    def ask(self, monkeypatch, plan, verb="up", **choice) -> bool:
        terminal, yes, answer = (choice.get(name, default) for name, default in CHOICES.items())
        monkeypatch.setattr(context, "interactive", lambda: terminal)
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n"))
        return change.confirmed(plan, verb, yes=yes)

    def test_yes_answers(self, monkeypatch):
        assert self.ask(monkeypatch, sample(), yes=True, terminal=False)

    @pytest.mark.parametrize(("answer", "goes"), [("y", True), ("YES", True), ("", False), ("n", False)])
    def test_a_harmless_plan_is_asked_for(self, monkeypatch, answer, goes):
        assert self.ask(monkeypatch, state_changed("running", "off"), answer=answer) is goes

    @pytest.mark.parametrize(("answer", "goes"), [("y", False), ("yes", True)])
    def test_a_destructive_plan_needs_the_whole_word(self, monkeypatch, answer, goes):
        assert self.ask(monkeypatch, sample(), answer=answer) is goes

    def test_without_a_terminal_the_harmless_one_goes_on(self, monkeypatch):
        assert self.ask(monkeypatch, state_changed("running", "off"), terminal=False)

    def test_without_a_terminal_a_destructive_one_is_refused(self, monkeypatch):
        with pytest.raises(UsageError) as caught:
            self.ask(monkeypatch, sample(), terminal=False)
        assert "delete 1 VM and 1 disk, replace 1 VM and 1 disk" in str(caught.value)
        assert caught.value.hint == "the same command with --yes does it without asking"

    def test_a_long_question_is_broken_at_spaces(self, monkeypatch, capsys):
        monkeypatch.setattr("labctl.cli.prompts.wrap.width", lambda _stream: 80)
        assert not self.ask(monkeypatch, state_changed("saved", "off"), answer="no")
        assert capsys.readouterr().err.splitlines() == [
            "this will lose with vm/db its saved memory, which `labctl resume` would bring",
            "back; type yes to go on: ",
        ]

    def test_what_was_saved_of_a_lab_that_is_gone_is_not_called_the_lab(self, monkeypatch, capsys):
        gone = plan({}, specs(WarmSpec("shop", "key")), lab="shop", connection="qemu:///system")
        assert self.ask(monkeypatch, gone, "destroy", answer="yes")
        assert capsys.readouterr().err == "this will delete 1 warm state; type yes to go on: "

    def test_destroy_always_counts_as_destructive(self, monkeypatch):
        with pytest.raises(UsageError):
            self.ask(monkeypatch, state_changed("running", "off"), "destroy", terminal=False)

    def test_ctrl_c_at_the_question_changes_nothing(self, monkeypatch, capsys):
        def interrupted():
            raise KeyboardInterrupt

        monkeypatch.setattr(context, "interactive", lambda: True)
        monkeypatch.setattr("sys.stdin", SimpleNamespace(readline=interrupted))
        with pytest.raises(Interrupted, match="nothing was changed"):
            change.confirmed(state_changed("running", "off"), "up", yes=False)
        assert capsys.readouterr().err == "apply? [y/N] \n"
