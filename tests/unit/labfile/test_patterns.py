"""A pattern of a Labfile takes a bounded time and memory, whatever it is."""

import pytest

from labctl.labfile import patterns
from labctl.labfile.patterns import Search, results
from tests.unit.labfile.labfiles import problems

EVIL = "^(a+)+$"
VICTIM = "a" * 60 + "!"


def test_patterns_are_searched_in_order():
    asked = (
        Search("^a+$", "aa"),
        Search("^a+$", "ab"),
        Search("["),
        Search("a", "ba"),
        Search("("),
        Search("b"),
    )
    wrong = ["unterminated character set", "missing ), unterminated subpattern"]
    assert results(asked) == [True, False, wrong[0], True, wrong[1], True]


def test_without_patterns_nothing_is_started(monkeypatch):
    monkeypatch.setattr(patterns.subprocess, "run", None)
    assert results(()) == []


def test_a_search_that_takes_too_long_ends_the_list():
    assert results((Search("a", "a"), Search(EVIL, VICTIM), Search("a", "a"))) == [True]
    assert patterns.CPU_S == 2  # as docs/security.md says


@pytest.mark.parametrize(
    "pattern", ["(" * 900, "((((a{999}){999}){999}){999}){999}", "(?:" * 300 + ")*" * 300]
)
def test_a_strange_pattern_is_a_wrong_one_or_a_slow_one(pattern):
    found = results((Search(pattern, "a"),))
    assert found in ([], [True], [False]) or isinstance(found[0], str)


def test_a_labfile_with_such_a_pattern_is_wrong_at_its_place(tmp_path):
    text = f"parameters: {{a: {{pattern: '{EVIL}', default: '{VICTIM}'}}}}\n"
    (told,) = problems(tmp_path, text)
    assert told.startswith(
        "Labfile.yaml:3:27: parameters.a.pattern: it takes too long to look for this pattern ("
    )


def test_a_pattern_is_of_a_length_that_people_write(tmp_path):
    text = f"parameters: {{a: {{pattern: '{'a' * 1001}', default: a}}}}\n"
    assert problems(tmp_path, text) == ["Labfile.yaml:3:27: parameters.a.pattern: more than 1,000 characters"]
