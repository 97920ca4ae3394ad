"""The reference of the commands, and the example in the help of each."""

import re
import shlex
from pathlib import Path

import pytest

import labctl.cli
from labctl.cli import exits
from labctl.cli.docs import reference
from tests.unit.cli.test_app import PATHS

PAGE = Path(__file__).parents[3] / "docs/commands.md"


def test_the_page_is_up_to_date():
    made = reference()
    assert PAGE.read_text() == made, "run: .venv/bin/python -m labctl.cli.docs > docs/commands.md"


def test_the_page_has_every_command_with_its_options():
    page = reference()
    for path in [*PATHS, ("help",)]:
        assert f"\n### labctl {' '.join(path)}\n" in page
    assert "| `--output FILE`, `-o FILE` | write it to a file |" in page
    assert "| `bash` · `zsh` · `fish` | the shell that you use |" in page
    assert "\n    labctl init [OPTIONS] [LAB]\n" in page
    assert "\n    labctl ssh [OPTIONS] [VM] [-- COMMAND...]\n" in page


def test_the_readme_has_the_same_exit_codes():
    told = (PAGE.parents[1] / "README.md").read_text().partition("| exit | meaning |\n|---|---|\n")[2]
    rows = "".join(f"| {code} | {meaning} |\n" for code, meaning in exits.MEANINGS.items())
    assert told.partition("\n\n")[0] + "\n" == rows


@pytest.mark.parametrize("path", [*PATHS, ("help",)], ids=" ".join)
def test_the_help_of_each_command_has_an_example_that_can_be_typed(path):
    """Write a line as: Example: `labctl ssh web -- ls -l`."""
    words = " ".join(path)
    section = reference().partition(f"\n### labctl {words}\n")[2].partition("\n### ")[0]
    [example] = re.findall(rf"^Example: `([^`]*\blabctl {words}\b[^`]*)`$", section, re.MULTILINE)
    typed = re.search(r"labctl ([^;|>&)]*)", example)[1]
    assert callable(labctl.cli.parse(shlex.split(typed.partition(" >")[0])))
