"""Elements that `xml:` adds stay small, and so do searches for their places."""

import pytest

from tests.unit.labfile.labfiles import problems

LAUGHS = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]><a>&c;</a>'


def told(folder, edit):
    return [
        each.partition("].")[2] for each in problems(folder, f"vms: {{a: {{image: none, xml: [{edit}]}}}}\n")
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (LAUGHS, "<! is not allowed: no DOCTYPE, comment or CDATA"),
        ("<a><![CDATA[x]]></a>", "<! is not allowed: no DOCTYPE, comment or CDATA"),
        ("<a>" * 30_000 + "</a>" * 30_000, "it is nested deeper than 16 levels"),
        ("<a><b></a>", "mismatched tag"),
    ],
)
def test_what_can_t_be_added(tmp_path, text, why):
    assert told(tmp_path, f"{{at: ., add: '{text}'}}") == [f"add: not an XML element: {why}"]


def test_an_ordinary_element_can_be_added(tmp_path):
    assert told(tmp_path, "{at: ./devices, add: '<a b=\"c\"><d><e/></d></a>'}") == []


def test_a_path_is_short_and_descends_seldom(tmp_path):
    assert told(tmp_path, "{at: './/a//b//c', set: x}") == [
        "at: more than 2 times // (name the elements between)"
    ]
    assert told(tmp_path, f"{{at: '{'{/' * 5000}', set: x}}") == ["at: more than 1,000 characters"]
