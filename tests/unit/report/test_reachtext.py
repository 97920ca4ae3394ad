"""What a lab reaches of the host, as text."""

from labctl.core.host_reach import Deed, HostReach
from labctl.core.plan import Plan
from labctl.core.record import replace
from labctl.report import reachtext
from labctl.report.plantext import Style, render
from tests.unit.report.samples import sample

PLAN = sample()
KEY = HostReach(Deed.GIVES, "/home/joe/key", "vms.a.image", "Labfile.yaml:4:5", "a file from outside")


def test_each_thing_has_its_origin_and_reason_and_a_new_one_a_sign():
    assert list(reachtext.listed([KEY, replace(KEY, trusted=True)])) == [
        "  ! gives  /home/joe/key",
        "           Labfile.yaml:4:5: vms.a.image: a file from outside (new)",
        "    gives  /home/joe/key",
        "           Labfile.yaml:4:5: vms.a.image: a file from outside (you said yes to it)",
    ]


def test_things_stand_below_each_other_whatever_is_done_with_them():
    both = [replace(KEY, deed=deed) for deed in (Deed.RUNS, Deed.WRITES)]
    assert [line.index("/home") for line in reachtext.listed(both) if "/home" in line] == [12, 12]


def test_what_a_terminal_would_act_on_is_shown_and_a_long_text_is_bounded():
    (first, _origin) = reachtext.listed([replace(KEY, subject="a\x1b[2J\u202eb\n" + "x" * 5000)])
    assert first.isprintable()
    assert "\\x1b[2J\\u202eb\\n" in first
    assert "more characters)" in first
    assert len(first) < 2100


def test_a_plan_has_them_before_its_summary():
    text = render(replace(PLAN, reaches=(KEY,)), Style())
    assert text.index("reaches the host:\n  ! gives  /home/joe/key") < text.index("\nplan: ")
    assert "reaches" not in render(PLAN, Style())
    assert render(Plan("shop", "test:///", reaches=(KEY,)), Style()) == "nothing to do"


def test_the_canonical_text_and_the_json_have_them():
    made = replace(PLAN, reaches=(KEY,))
    assert f"! {KEY}" in str(made)
    assert str(replace(PLAN, reaches=(replace(KEY, trusted=True),))) == str(made)
    assert made.to_json()["reaches"][0]["id"] == KEY.id
