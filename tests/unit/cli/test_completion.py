"""What the shell is offered, asked as typer's script for bash asks."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import labctl.cli
from labctl.cli.app import TopVerbs
from labctl.cli.verbs import Verbs
from tests.shells import completed

TEXT = """\
labfile: 1
name: shop
groups: {front-end: {children: [web]}}
networks: {back: {}}
vms: {web: {image: none, count: 2}, db: {image: none}}
provision: [{name: greet, shell: echo hello}, {shell: echo nameless}]
"""
# What stands for a name in the help, and one of those that are offered there.
NAMED = {"VM": "db", "VM...": "web-1", "VM[:STAGE]...": "web"}
NAMED |= {"[VM...] -- COMMAND...": "web"}
NAMED |= {"GROUP": "front-end"}
NAMED |= {"IMAGE": "debian-12", "IMAGE...": "debian-12"}


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "Labfile.yaml").write_text(TEXT)
    return tmp_path


def verbs() -> dict[tuple[str, ...], Any]:
    """Each command by its words, with its parameters."""
    found = {}
    top = TopVerbs()
    for name in top.list_commands(None):
        command = top.get_command(None, name)
        below = command.list_commands(None) if isinstance(command, Verbs) else ()
        found |= {(name, each): command.get_command(None, each).params for each in below}
        if not below:
            found[name,] = command.params
    return found


@pytest.fixture
def candidates(monkeypatch, capsys):
    """What could stand in the place of the last word, which may be begun or empty."""

    def candidates(*words: str) -> list[str]:
        monkeypatch.setenv("_LABCTL_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", " ".join(("labctl", *words)))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        with pytest.raises(SystemExit) as ended:
            labctl.cli.run([])
        told = capsys.readouterr()
        assert (ended.value.code, told.err) == (0, "")
        return told.out.split()

    return candidates


def test_a_path_of_the_labfile_grows_by_one_name(lab, candidates):
    assert candidates("show", "vm") == ["vms"]
    assert candidates("show", "vms.w") == ["vms.web-1", "vms.web-2"]
    assert candidates("show", "vms.web-1.") == ["vms.web-1.image"]
    assert candidates("show", "vms.wrong.") == []


def test_what_a_shell_would_run_is_not_offered(lab, candidates):
    """Zsh would: it evaluates what it is given."""
    text = TEXT.replace(
        "db: {image: none}", "db: {image: debian-12, cloud_init: {good: 1, 'a$(touch /tmp/x)': 2, 'b\\`': 3}}"
    )
    (lab / "Labfile.yaml").write_text(text)
    assert candidates("show", "vms.db.cloud_init.") == ["vms.db.cloud_init.good"]


def test_every_name_that_the_help_asks_for_is_offered(lab, candidates):
    asked = 0
    for words, parameters in verbs().items():
        for each in parameters:
            if each.metavar in NAMED:
                options = [option for option in each.opts if option.startswith("--")]
                line = (*words, *options, "")
                assert NAMED[each.metavar] in candidates(*line), line
                asked += 1
    assert asked > 10


def test_steps_are_offered_by_their_names(lab, candidates):
    assert candidates("provision", "--only", "") == ["greet"]


def test_a_stage_is_offered_once_a_vm_is_named(lab, candidates):
    assert candidates("wait", "d") == ["db"]
    assert candidates("wait", "web-1", "db:b") == ["db:booted"]


def test_verbs(candidates):
    assert {"up", "destroy", "status"} <= set(candidates(""))
    assert candidates("-f", "x", "stat") == ["status"]
    assert "pull" in candidates("image", "")


def test_options(candidates):
    assert {"--file", "--json"} <= set(candidates("--"))
    assert {"--yes", "--adopt", "--file"} <= set(candidates("up", "--"))


@pytest.mark.parametrize("verb", ["up", "ssh", "status", "logs", "destroy"])
def test_vms(lab, candidates, verb):
    assert candidates(verb, "") == ["db", "web", "web-1", "web-2"]
    assert candidates(verb, "web-") == ["web-1", "web-2"]


@pytest.mark.parametrize("words", [("-f", "{}", "up", ""), ("up", "-f", "{}", "")])
def test_vms_of_the_labfile_that_is_named(lab, candidates, monkeypatch, words):
    (lab / "below").mkdir()
    monkeypatch.chdir(lab / "below")
    file = lab / "other.yaml"
    file.write_text("{labfile: 1, name: other, vms: {one: {image: none}}}")
    assert candidates(*(word.format(file) for word in words)) == ["one"]
    assert "web" in candidates("up", "")  # of the folder above, and nothing is told of it


@pytest.mark.parametrize(
    "words", [("up", "-f", "nowhere.yaml", ""), ("validate", ""), ("ssh", "db", "--", "")]
)
def test_nothing_to_offer(lab, candidates, words):
    assert candidates(*words) == []


@pytest.mark.parametrize(
    "text", ["vms: [", "labfile: 1\nname: x\nvms: {db: {imgae: none}}\n", None, "\x00", "vms: &a {b: *a}"]
)
def test_a_labfile_that_is_wrong_offers_nothing_and_says_nothing(lab, candidates, text):
    (lab / "Labfile.yaml").unlink()
    if text is None:
        (lab / "Labfile.yaml").mkdir()
    else:
        (lab / "Labfile.yaml").write_text(text)
    assert candidates("up", "") == []
    assert "debian-12" in candidates("image", "pull", "")


def test_a_labfile_from_standard_input_is_not_read(lab, candidates, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    assert candidates("-f", "-", "up", "") == []


def test_libvirt_is_not_asked(lab, candidates):
    assert "db" in candidates("-c", "nowhere:///", "up", "")


def printed(shell: str) -> str:
    """The script that a user evaluates."""
    return subprocess.run(
        [sys.executable, "-m", "labctl", "completion", shell],
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("labctl stat", ["labctl", "status"]),
        ("labctl destroy -q d", ["labctl", "destroy", "-q", "db"]),
        ("labctl wait web-1 db:b", ["labctl", "wait", "web-1", "db:booted"]),
    ],
)
def test_a_shell_completes_the_line(lab, shell, line, words):
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    assert completed(shell, printed(shell), line, lab, environment) == words


def test_fish_offers_what_fits(lab):
    if shutil.which("fish") is None:
        pytest.skip("no fish here")
    (lab / "script").write_text(printed("fish"))
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(lab)}
    asked = "source script; complete -C 'labctl up w'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", asked], env=environment, capture_output=True, text=True, check=True
    )
    assert (done.stdout.split(), done.stderr) == (["web", "web-1", "web-2"], "")
