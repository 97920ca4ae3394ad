"""What the shell is offered, asked as typer's script for bash asks."""

import os
import shutil
import subprocess
import sys

import pytest

import labctl.cli

TEXT = "labfile: 1\nname: shop\nvms: {web: {image: none, count: 2}, db: {image: none}}\n"


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "Labfile.yaml").write_text(TEXT)
    return tmp_path


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


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_sound(shell):
    made = subprocess.run(
        [sys.executable, "-m", "labctl", "completion", shell],
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "_LABCTL_COMPLETE" in made.stdout
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    subprocess.run([shell, "-n"], input=made.stdout, text=True, check=True, timeout=20)
