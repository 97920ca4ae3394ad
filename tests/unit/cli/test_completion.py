"""What the shell is offered."""

import shutil
import subprocess

import pytest

from labctl.cli import completion
from labctl.cli.completion import candidates


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    text = "labfile: 1\nname: shop\nvms: {web: {image: none, count: 2}, db: {image: none}}\n"
    (tmp_path / "Labfile.yaml").write_text(text)
    return tmp_path


def test_verbs(lab):
    assert {"up", "destroy", "status"} <= set(candidates([""]))
    assert "up" in candidates(["-f", "x", ""])


def test_options():
    assert {"--file", "-f", "--json"} <= set(candidates(["--"]))
    assert {"--yes", "--adopt", "--file"} <= set(candidates(["up", "--"]))


@pytest.mark.parametrize("verb", ["up", "ssh", "status", "logs", "destroy"])
def test_vms(lab, verb):
    assert candidates([verb, ""]) == ["db", "web", "web-1", "web-2"]


@pytest.mark.parametrize(
    "words", [["up", "-f", "nowhere.yaml", ""], ["nosuch", ""], ["validate", ""], ["ssh", "db", "--", ""]]
)
def test_nothing_to_offer(lab, words):
    assert candidates(words) == []


@pytest.mark.parametrize("shell", completion.SCRIPTS)
def test_scripts_are_sound(shell):
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    subprocess.run([shell, "-n"], input=completion.SCRIPTS[shell], text=True, check=True, timeout=20)
