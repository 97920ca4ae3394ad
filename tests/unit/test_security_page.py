"""docs/security.md promises nothing that no test holds: each sentence names one, and it is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
PAGE = TOP / "docs/security.md"
TEST = re.compile(r"\[`(tests/[\w/]+\.py)::(test_\w+)`\]")


def _sentences(text: str) -> list[str]:
    """The points of the page, each with its further lines."""
    lists = re.sub(r"\n  +", " ", text)
    return [line for line in lists.splitlines() if line.startswith("- ")]


def _tests_of(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def unheld(text: str) -> list[str]:
    """What is wrong with the points of a page: no test is named, or it does not exist."""
    wrong = []
    for sentence in _sentences(text):
        named = TEST.findall(sentence)
        if not named:
            wrong.append(f"no test: {sentence}")
        for file, test in named:
            if not (TOP / file).is_file() or test not in _tests_of(TOP / file):
                wrong.append(f"no such test: {file}::{test}")
    return wrong


def test_each_sentence_is_held_by_a_test():
    assert unheld(PAGE.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "- labctl is safe.",
        "- labctl is\n  safe. [`tests/unit/test_security_page.py::test_that_is_missing`]",
        "- labctl is safe. [`tests/unit/test_nowhere.py::test_it`]",
    ],
)
def test_a_sentence_without_a_test_is_found(sentence: str):
    assert len(unheld(sentence)) == 1
