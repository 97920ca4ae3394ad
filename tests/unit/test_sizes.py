"""Functions and files of the package stay small enough to be read at once."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "labctl"
FILES = sorted(PACKAGE.rglob("*.py"))
LINES, FUNCTION_LINES = 300, 40
REASON = "# long because "  # a line that begins so lets a file be longer


def functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.fixture(scope="module")
def texts():
    return {str(path.relative_to(PACKAGE)): path.read_text() for path in FILES}


def test_no_function_is_long(texts):
    lengths = {
        f"{name}:{each.lineno}: {each.name}": each.end_lineno - each.lineno + 1
        for name, text in texts.items()
        for each in functions(ast.parse(text))
    }
    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES} == {}


def test_no_file_is_long_without_a_reason_in_it(texts):
    lines = {name: text.splitlines() for name, text in texts.items()}
    assert [
        name
        for name, each in lines.items()
        if len(each) > LINES and not any(line.startswith(REASON) for line in each)
    ] == []
