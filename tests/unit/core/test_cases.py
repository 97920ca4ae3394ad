"""Plans as data: each file of tests/cases has a Labfile before and after, and beside it the text of the plan.

`LABCTL_REGENERATE=1 pytest tests/unit/core/test_cases.py` writes the texts anew; the difference is for a review.
"""

import os
from pathlib import Path

import pytest
import yaml

from labctl.core.address import Address
from labctl.core.operations import operations
from labctl.core.planning import plan
from labctl.core.record import replace
from tests.composed import applied, specs, with_steps

CASES = Path(__file__).parents[2] / "cases"


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_plan_says_what_becomes_of_the_lab(path):
    case = yaml.safe_load(path.read_text())
    before = specs(case["before"])
    observed = applied(before)
    for name, fields in (case.get("drift") or {}).items():
        address = Address.parse(name)
        observed[address] = replace(observed[address], **fields)
    for name in case.get("gone") or ():
        del observed[Address.parse(name)]
    after = specs(case["after"], observed)
    made = plan(
        after,
        with_steps(observed, after),
        applied={address: spec.fingerprint() for address, spec in before.items()},
        restart={Address.parse(name) for name in case.get("restart") or ()},
        lab="shop",
    )
    order = "".join(f"  {each.id} after {', '.join(each.needs) or 'nothing'}\n" for each in operations(made))
    refused = "".join(f"refused: {address}: {each.summary}\n" for address, each in made.refusals)
    got = f"# {case['about']}\n{made}\n{refused}\noperations:\n{order}"
    expected = path.with_suffix(".txt")
    if os.environ.get("LABCTL_REGENERATE"):
        expected.write_text(got)
    assert expected.read_text() == got


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_after_it_there_is_nothing_to_do(path):
    content = yaml.safe_load(path.read_text())["after"]
    existing = applied(specs(content))
    again = specs(content, existing)
    assert not plan(again, with_steps(existing, again)).changes


def test_every_text_has_its_case():
    assert {path.stem for path in CASES.glob("*.txt")} == {path.stem for path in CASES.glob("*.yaml")}
