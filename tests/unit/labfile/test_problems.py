"""Of many problems the first are told, with the number of the others; the work for it is that of the first."""

import pytest

from labctl.cli.boundary import guarded
from labctl.core.errors import MOST_PROBLEMS, Problem, Rejected
from labctl.labfile import problems as module
from tests.unit.labfile.labfiles import HEAD, loaded

MANY = 3000


@pytest.fixture
def wrong(tmp_path):
    (tmp_path / "Labfile.yaml").write_text(HEAD + "".join(f"key{n}: 1\n" for n in range(MANY)))
    return tmp_path


def test_the_first_problems_are_told_with_a_count(wrong, capsys):
    assert guarded(["validate", "-f", str(wrong)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == MOST_PROBLEMS + 2
    assert ":3:1: key0: unknown key key0" in lines[0]
    assert lines[-2:] == ["… and 2,950 more", "error: 3,000 problems"]


def test_so_they_are_in_json(wrong, capsys):
    import json

    assert guarded(["validate", "--json", "-f", str(wrong)]) == 2
    told = json.loads(capsys.readouterr().out)
    assert (len(told["problems"]), told["more"]) == (MOST_PROBLEMS, MANY - MOST_PROBLEMS)


def test_warnings_are_counted_too(tmp_path):
    user = "image: debian-12, cloud_init: {ssh_pwauth: true}"
    found = loaded(tmp_path, "vms:\n" + "".join(f"  v{n}: {{{user}}}\n" for n in range(60))).warnings
    assert len(found) == MOST_PROBLEMS + 1
    assert str(found[-1]) == "… and 10 more"


def test_similar_names_are_looked_for_only_where_they_are_told(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(module, "closest_matches", lambda *given, **_: asked.append(given) or [])
    texts = ", ".join(f'"${{nix{n}}}"' for n in range(500))
    with pytest.raises(Rejected) as caught:
        loaded(tmp_path, f"vms: {{a: {{image: debian-12, cloud_init: {{runcmd: [{texts}]}}}}}}")
    assert len(asked) == MOST_PROBLEMS
    assert caught.value.more == 450


def test_a_message_has_a_length_that_people_read():
    problems = module.Problems("Labfile.yaml")
    problems.add(Problem("x" * 100_000, hint="y" * 100_000))
    assert len(str(problems.rejected())) < 3000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "vms: {a: {image: none, count: 5000}, b: {image: none, count: 5000, depends_on: [a]}}",
            "200,000 depend",
        ),
        (
            "vms: {a: {image: none, count: 9, names: '%s'}}" % ("${base}" * 100),
            "names: more than 200 characters",
        ),
        ("networks: {a: {ipv6: '%sx'}}" % (":" * 500_000), "expected an IPv6 subnet"),
        (
            f"networks: {{a: {{reserve: [{', '.join(['10.0.0.9'] * 1001)}]}}}}",
            "reserve: more than 1,000 entries",
        ),
        ("vms: {a: {image: none, memory: '1%s!'}}" % (" " * 500_000), "expected a size"),
        ("groups:\n" + "".join(f"  g{n}: {{}}\n" for n in range(1001)), "groups: more than 1,000 entries"),
        ("vms: {a: {image: none, cpus: 0x%s}}" % ("f" * 500_000), "expected a number of CPUs"),
        (
            "defaults: {cloud_init: {runcmd: [1%s]}}" % (":59" * 100_000),
            "a number of more than 1,000 characters",
        ),
    ],
    ids=["dependencies", "names", "colons", "entries", "spaces", "map", "number", "sixties"],
)
def test_what_would_take_long_is_a_problem_at_its_place(tmp_path, text, told):
    """Each of these took minutes, or gigabytes."""
    with pytest.raises(Rejected) as caught:
        loaded(tmp_path, text + "\n")
    (problem,) = caught.value.problems
    assert told in str(problem)
    assert problem.where is not None
