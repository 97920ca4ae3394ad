import re
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labctl.core.errors import Rejected
from labctl.labfile.yaml12 import resolve
from labctl.labfile.yaml_reader import read_yaml
from tests.unit.work import lines

FLOWER = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (name, name, b",".join([b"*%c" % (name - 1)] * 9))
    for name in range(ord("b"), ord("k"))
)
MERGES = b"a: &a {x1: 1, x2: 2}\n" + b"".join(
    b"b%d: &b%d\n  <<: [%s]\n  k%d: [%s]\n"
    % (n, n, b"*a," * 99 + b"*a", n, b",".join([b"*b%d" % (n - 1)] * 9 if n else [b"*a"]))
    for n in range(12)
)


def message(data):
    with pytest.raises(Rejected) as caught:
        read_yaml(data, "f")
    assert len(caught.value.problems) == 1
    return str(caught.value.problems[0])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("22:22", "22:22"), ("0o17", 15), ("0x1F", 31),
        ("010", 10), ("1_000", "1_000"),
        ("1.10", 1.1), ("1e3", 1000.0), ("-3", -3), ("+.5", 0.5), ("", None), ("~", None),
        ("null", None), ("True", True), ("false", False),
        ("52:54:00:12:34:56", "52:54:00:12:34:56"), ("2001-01-01", "2001-01-01"),
        ("=", "="), ("1.2.3", "1.2.3"), (".inf", float("inf")),
        ("9" * 5000, "9" * 5000),
    ],
)  # fmt: skip
def test_scalars_follow_the_core_schema(text, value):
    """`no` is a text, `0o17` is 15, times and MAC addresses are texts."""
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


def test_values_know_their_place_and_their_keys():
    tree, problems = read_yaml(b"a:\n  b: [1, two]\n", "f")
    assert tree == {"a": {"b": [1, "two"]}}
    assert tree["a"].marks["b"] == ("f", 2, 6, 2, 3)
    assert tree["a"]["b"].marks[1][:3] == ("f", 2, 10)
    assert problems == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "a: &a {x: 1}\nb: {<<: *a, <<: *a}\n",
            "f:2:13: b.<<: the key << stands here twice, first in line 2, column 5 (merge a list: <<: [*one, *other])",
        ),
        (
            "a: &k x\nb: {*k : 1, x: 2}\n",
            "f:2:13: b.x: the key x stands here twice, first in line 2, column 5 (keep one of them)",
        ),
        (
            "a: &k x\nb: {x: 1, *k : 2}\n",
            "f:2:11: b.x: the key x stands here twice, first in line 2, column 5 (keep one of them)",
        ),
        (
            "a: [{}, {x: 1, x: 2}]\n",
            "f:1:16: a[1].x: the key x stands here twice, first in line 1, column 10 (keep one of them)",
        ),
    ],
)
def test_duplicate_keys_are_told_whatever_they_are(text, told):
    """A merge key, a key from an alias, keys in a list."""
    _, problems = read_yaml(text.encode(), "f")
    assert [str(problem) for problem in problems] == [told]


def test_duplicate_keys_name_both_places():
    """The first stays, and all duplicates are reported."""
    tree, problems = read_yaml(b"a: 1\nb: {c: 1, c: 2}\na: 3\n", "f")
    assert tree["a"] == 1
    assert [str(problem) for problem in problems] == [
        "f:2:11: b.c: the key c stands here twice, first in line 2, column 5 (keep one of them)",
        "f:3:1: a: the key a stands here twice, first in line 1, column 1 (keep one of them)",
    ]


def test_merge_keys_give_way_to_the_maps_own():
    tree, _ = read_yaml(b"a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\n", "f")
    assert tree["c"] == {"x": 3, "y": 1, "z": 2}


def test_a_quoted_merge_key_is_a_key():
    assert read_yaml(b'a: {"<<": 1}\n', "f")[0]["a"] == {"<<": 1}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "f:1:1: the file is empty"),
        (b"# nothing\n", "f:1:1: the file is empty"),
        (b"- a\n", "f:1:1: expected a map of fields at the top"),
        (b"a: 1\n---\nb: 2\n", "f:2:1: a second document starts here (one file holds one document)"),
        (b"a:\n\tb: 1\n", "f:2:1: not YAML: a tab can't indent (YAML takes spaces only)"),
        (b"a: {n: ${n}}\n",
         """f:1:9: not YAML: did not find expected ',' or '}' (inside {…} and […] quote it: "${n}")"""),
        (b"a: b: c\n", "f:1:5: not YAML: a `:` is not expected here (quote the value if this character belongs to it)"),
        (b"a: x\x00\n", "f:1:5: the control character U+0000 is not allowed"),
        (b'a: "\\e"\n', "f:1:4: the control character U+001B is not allowed"),
        (b"a: \xff\n", "f:1:4: this is not UTF-8 (save the file as UTF-8)"),
        (b"\xff\xfea\x00", "f:1:1: this is not UTF-8 (save the file as UTF-8)"),
        (b"a: !!python/none\n", "f:1:4: the tag tag:yaml.org,2002:python/none has no meaning here (leave it out)"),
        (b"a: *b\n", "f:1:4: the alias *b has no anchor before it"),
        (b"a: &a [*a]\n", "f:1:8: the anchor &a can't contain itself"),
        (b"? [a]\n: b\n", "f:1:3: a key must be plain text (quote it if it starts with a bracket)"),
        (b"{a: " * 10_000, "f:1:257: nested deeper than 64 levels"),
        (b"- " * 10_000, "f:1:129: nested deeper than 64 levels"),
        (b"? " * 10_000, "f:1:3: a key must be plain text (quote it if it starts with a bracket)"),
        (b"a: 1\n" * 10_000_000, "f:209716:2: the file goes on beyond 1 MB, the most that is read"),
        (FLOWER, "f:6:8: the document grows beyond 100,000 values, aliases written out"),
    ],
)  # fmt: skip
def test_what_is_not_a_document_is_refused_at_its_place(data, expected):
    """With little work and 64 MB beyond the input, whatever it is."""
    tracemalloc.start()
    try:
        told = []
        assert lines(lambda: told.append(message(data))) < 10_000
        assert told == [expected]
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_the_depth_that_libyaml_itself_refuses_is_told_as_ours():
    """It reads a thousand brackets ahead before it tells of the first; older versions have no such cap."""
    assert re.fullmatch(r"f:1:(65|1001): nested deeper than 64 levels", message(b"[" * 10_000))


def test_merges_count_as_what_they_bring_in():
    assert message(MERGES).endswith("the document grows beyond 100,000 values, aliases written out")


def test_a_byte_order_mark_is_no_part_of_the_first_key():
    assert read_yaml(b"\xef\xbb\xbfa: 1\n", "f")[0] == {"a": 1}


@given(
    st.binary(max_size=200) | st.text(alphabet="ab: -[]{},&*!|>'\"%@`#\n\t${}<~", max_size=80).map(str.encode)
)
@example(b"a: &a\n*a : 1\n")
@example(b"a: &a 1\n? *a\n: 2\n")
def test_any_bytes_are_a_tree_or_rejected(data):
    """No other exception, and every rejection has a place."""
    try:
        tree, problems = read_yaml(data, "f")
    except Rejected as error:
        problems = error.problems
    else:
        assert isinstance(tree, dict)
    assert all(problem.where for problem in problems)
