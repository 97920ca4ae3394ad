"""Records are what dataclasses would have made of the same classes."""

import dataclasses
from functools import cached_property

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.core.record import MISSING, Field, field, fields, is_record, record, replace, values


def plain():
    class Plain:
        number: int
        text: str = "text"
        note: list = None

    return Plain


def made(decorate, declare):
    class Mine:
        """A class with all that a field can be."""

        number: int
        text: str = "text"
        items: list = declare(default_factory=list, compare=False)
        hidden: int = declare(default=0, repr=False)

        @property
        def double(self) -> int:
            return 2 * self.number

    return decorate(Mine)


OURS = made(record(order=True), field)
THEIRS = made(dataclasses.dataclass(frozen=True, order=True), dataclasses.field)
GIVEN = st.fixed_dictionaries(
    {"number": st.integers(0, 2)},
    optional={"text": st.sampled_from(["a", "b"]), "items": st.just([1]), "hidden": st.integers(0, 1)},
)


@given(GIVEN, GIVEN)
def test_it_compares_sorts_hashes_and_shows_as_a_dataclass_does(one, other):
    a, b = OURS(**one), OURS(**other)
    x, y = THEIRS(**one), THEIRS(**other)
    assert (a == b, a < b, a <= b, a > b, a >= b) == (x == y, x < y, x <= y, x > y, x >= y)
    assert (hash(a) == hash(b)) == (hash(x) == hash(y))
    assert repr(a) == repr(x)
    assert values(a) == dataclasses.asdict(x)
    assert a.double == x.double
    changed = {name: other[name] for name in ("number", "text") if name in other}
    assert repr(replace(a, **changed)) == repr(dataclasses.replace(x, **changed))


@pytest.mark.parametrize(
    ("words", "named"),
    [((), {}), ((1, "a", [], 0, 5), {}), ((1,), {"number": 1}), ((1,), {"other": 1}), ((), {"other": 1})],
)
def test_what_a_dataclass_refuses_is_refused(words, named):
    for made in (OURS, THEIRS):
        with pytest.raises(TypeError):
            made(*words, **named)


def test_a_refusal_says_what_there_is():
    with pytest.raises(
        TypeError,
        match="the fields are number, text, items, hidden; given were 1 by position, by name: other",
    ):
        OURS(1, other=2)
    with pytest.raises(TypeError, match="Mine has no other"):
        replace(OURS(1), other=2)


def test_words_stand_for_fields_in_their_order():
    assert OURS(1, "a", hidden=1) == OURS(number=1, text="a", hidden=1)
    match OURS(1, "a"):
        case OURS(number, text):
            assert (number, text) == (1, "a")


def test_a_default_that_is_made_is_made_for_each():
    assert OURS(1).items is not OURS(1).items


def test_it_is_frozen_unless_said_otherwise():
    frozen, mutable = OURS(1), record(frozen=False)(plain())(1)
    for act in (lambda: setattr(frozen, "number", 2), lambda: delattr(frozen, "number")):
        with pytest.raises(AttributeError, match="frozen"):
            act()
    mutable.number = 2
    assert mutable.number == 2
    with pytest.raises(TypeError):
        hash(mutable)


def test_another_class_is_never_equal():
    @record
    class Other:
        number: int
        text: str = "text"

    assert Other(1) != record(plain())(1)
    assert not OURS(1) == (1, "text", [], 0)  # noqa: SIM201  # this is the operator
    with pytest.raises(TypeError):
        assert OURS(1) < Other(1)


def test_one_that_stands_on_another_has_its_fields_first():
    @record
    class Base:
        a: int = 1

    @record
    class Further(Base):
        b: int = 2

    assert [each.name for each in fields(Further)] == ["a", "b"]
    assert repr(Further(b=3)).endswith("Further(a=1, b=3)")


def test_a_class_may_say_itself_what_equals_it():
    @record
    class Loose:
        name: str

        def __eq__(self, other):
            return self.name.lower() == other.name.lower()

        def __hash__(self):
            return hash(self.name.lower())

    @record
    class Looser:  # noqa: PLW1641  # that there is no hash is the point
        name: str

        def __eq__(self, other):  # that it is left out is the point
            return True

    assert len({Loose("a"), Loose("A")}) == 1
    assert Looser("a") == Looser("b")
    assert hash(Looser("a")) == hash(Looser("a"))


def test_a_class_of_no_fields():
    @record
    class Empty:
        """Nothing."""

    assert Empty() == Empty()
    assert hash(Empty()) == hash(Empty())


def test_what_is_worked_out_once_is_kept_and_not_handed_on():
    @record(frozen=False)
    class Kept:
        number: int

        @cached_property
        def double(self) -> int:
            return 2 * self.number

    kept = Kept(2)
    assert kept.double is kept.double == 4
    assert values(kept) == {"number": 2}
    assert replace(kept, number=3).double == 6


def test_a_default_that_all_would_share_is_refused():
    class Wrong:
        items: list = []  # noqa: RUF012  # that is the mistake

    with pytest.raises(ValueError, match="items: all records would share this default"):
        record(Wrong)


def test_fields_tell_what_was_declared():
    number, _text, items, hidden = fields(OURS)
    assert number.default is MISSING
    assert isinstance(items, Field)
    assert (items.compare, hidden.repr, hidden.default) == (False, False, 0)
    assert is_record(OURS)
    assert is_record(OURS(1))
    assert not is_record(plain())
    assert fields(plain()) == ()
