"""The registry, the folders of kinds/ and the order of building agree."""

import re
from pathlib import Path

from hypothesis import given

import labctl.kinds
from labctl.engine.registry import KINDS
from tests.strategies import labs

NAMES = [kind.name for kind in KINDS]


def test_each_folder_has_its_line():
    folders = {path.parent.name for path in Path(labctl.kinds.__file__).parent.glob("*/kind.py")}
    assert folders == set(NAMES)
    assert len(NAMES) == len(folders)


def test_the_lines_stand_in_the_order_of_building():
    ranks = [kind.spec.rank for kind in KINDS]
    assert ranks == sorted(set(ranks))


def test_outside_of_the_kinds_nobody_tests_the_class_of_a_spec():
    """They ask the spec (`core/questions.py`), or select by `of_kind` what is about one kind by nature."""
    package = Path(labctl.kinds.__file__).parents[1]
    modules = [
        path for part in ("core", "engine", "app", "report") for path in (package / part).rglob("*.py")
    ]
    assert [path for path in modules if re.search(r"isinstance\([^)]*Spec\b", path.read_text())] == []


@given(labs)
def test_no_kind_needs_one_that_is_built_later(specs):
    places = [
        (NAMES.index(need.address.kind), NAMES.index(spec.kind))
        for spec in specs.values()
        for need in spec.needs()
    ]
    assert all(needed <= place for needed, place in places)
