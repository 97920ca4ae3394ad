"""Records: classes with named fields, like those of `dataclasses`, but quicker to make.

`dataclasses` generates and compiles the source of six methods for each class. For the eighty classes of `labctl status`
that takes a tenth of a second (docs/adr/0012). Here all classes share their methods. Names and behaviour are those of
`dataclasses`; a test compares the two.
"""

from __future__ import annotations

import operator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

T = TypeVar("T")
MISSING: Any = type("MISSING", (), {"__repr__": lambda _: "MISSING"})()
_SHAPE = "__record__"


class Field:
    """A field of a record: its `default` or `default_factory`, whether `==` and
    `repr` include it, and any `metadata`.
    """

    def __init__(  # the arguments of dataclasses.field
        self,
        default: Any,
        default_factory: Callable[[], Any] | None = None,
        *,
        repr: bool = True,  # noqa: A002  # as in dataclasses
        compare: bool = True,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = ""
        self.default = default
        self.default_factory = default_factory
        self.repr = repr
        self.compare = compare
        self.metadata = metadata or {}


def field(
    *,
    default: Any = MISSING,
    default_factory: Callable[[], Any] | None = None,
    repr: bool = True,  # noqa: A002  # as in dataclasses
    compare: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> Any:
    """Declare a field with options beyond its name, type and default."""
    return Field(default, default_factory, repr=repr, compare=compare, metadata=metadata)


def getter(names: Collection[str]) -> Callable[[Any], tuple[Any, ...]]:
    """A function that gives the values of these fields of a record."""
    if len(names) > 1:
        return operator.attrgetter(*names)
    return lambda of: tuple(getattr(of, name) for name in names)  # attrgetter of one name gives no tuple


class _Shape:
    """The data of a class that the shared methods need. It is made once, since the methods are called often."""

    def __init__(self, fields: dict[str, Field]) -> None:
        self.fields = fields
        self.defaults = {name: each.default for name, each in fields.items() if each.default is not MISSING}
        self.factories = [(n, each.default_factory) for n, each in fields.items() if each.default_factory]
        self.compared = getter([name for name, each in fields.items() if each.compare])

    def complete(self, args: tuple[Any, ...], given: dict[str, Any]) -> dict[str, Any]:
        """The values of all fields, of which `args` were given by position and `given` by name."""
        named = dict(zip(self.fields, args, strict=False)) | given if args else given
        values = self.defaults | named
        for name, make in self.factories:
            if name not in named:
                values[name] = make()
        if values.keys() != self.fields.keys() or len(named) != len(args) + len(given):
            raise TypeError(
                f"the fields are {', '.join(self.fields)}; given were {len(args)} by position, "
                f"by name: {', '.join(given) or 'none'}"
            )
        return values


@overload
def record(cls: type[T], /) -> type[T]: ...
@overload
def record(*, frozen: bool = True, order: bool = False) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[Any] | None = None, /, *, frozen: bool = True, order: bool = False) -> Any:
    """Make a class a record, with its annotated names as fields.

    Args:
        cls: the class.
        frozen: its fields can't be set, and its instances have a hash.
        order: its instances can be compared by `<`, by their fields in order.
    """
    make = partial(_made, frozen=frozen, order=order)
    return make if cls is None else make(cls)


def _made(cls: type[T], *, frozen: bool, order: bool) -> type[T]:
    names = [name for name, kind in cls.__annotations__.items() if not str(kind).startswith("ClassVar")]
    own = dict(vars(cls))
    if own.get("__hash__", cls) is None:
        del own["__hash__"]  # Python has set it to None, since the class defines __eq__
    shape = _Shape(fields_by_name(cls) | {name: _declared(name, own.get(name, MISSING)) for name in names})
    for name in own.keys() & set(names):
        delattr(cls, name)  # defaults are in the shape
    shared: dict[str, Any] = _METHODS | (_FROZEN if frozen else _MUTABLE) | (_ORDER if order else {})
    shared |= {_SHAPE: shape, "__match_args__": tuple(shape.fields)}
    for name in shared.keys() - own.keys():
        setattr(cls, name, shared[name])
    return cls


def _declared(name: str, value: Any) -> Field:
    declared = value if isinstance(value, Field) else Field(value)
    declared.name = name
    if type(declared.default).__hash__ is None:
        raise ValueError(f"{name}: all records would share this default; use default_factory")
    return declared


# --- the methods of all records --------------------------------------------------------------------------------


def _init(self: Any, /, *args: Any, **given: Any) -> None:
    shape: _Shape = type(self).__record__
    complete = not given and len(args) == len(shape.fields)
    # this bypasses __setattr__, which refuses to set fields of frozen records; and it is quick
    vars(self).update(zip(shape.fields, args, strict=True) if complete else shape.complete(args, given))


def _repr(self: Any) -> str:
    texts = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(texts)})"


def _hash(self: Any) -> int:
    return hash(type(self).__record__.compared(self))


def _refuse(self: Any, name: str, *_value: Any) -> None:
    raise AttributeError(f"{type(self).__name__} is frozen: {name} can't be set")


def _comparing(relation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def compare(self: Any, other: Any) -> Any:
        if type(self) is not type(other):
            return NotImplemented
        compared = type(self).__record__.compared
        return relation(compared(self), compared(other))

    return compare


_METHODS = {"__init__": _init, "__repr__": _repr, "__eq__": _comparing(operator.eq)}
_MUTABLE = {"__hash__": None}
_FROZEN = {"__hash__": _hash, "__setattr__": _refuse, "__delattr__": _refuse}
_ORDER = {
    f"__{each.__name__}__": _comparing(each) for each in (operator.lt, operator.le, operator.gt, operator.ge)
}


# --- functions on records --------------------------------------------------------------------------------------


def is_record(value: object) -> bool:
    """Whether a value is a record or a class of records."""
    return hasattr(value, _SHAPE)


def fields_by_name(of: object) -> dict[str, Field]:
    """The fields of a record or of its class, by name; none for any other value."""
    shape: _Shape | None = getattr(of, _SHAPE, None)
    return shape.fields if shape else {}


def fields(of: object) -> tuple[Field, ...]:
    """The fields of a record or of its class, in order; none for any other value."""
    return tuple(fields_by_name(of).values())


def values(of: object) -> dict[str, Any]:
    """The values of a record's fields, by name and in order."""
    own = vars(of)
    return {name: own[name] for name in fields_by_name(of)}


def replace(original: T, /, **changes: Any) -> T:
    """A copy of a record with these fields changed.

    Raises:
        TypeError: the record has no such field.
    """
    changed = values(original) | changes
    if len(changed) != len(fields_by_name(original)):
        other = changes.keys() - fields_by_name(original).keys()
        raise TypeError(f"{type(original).__name__} has no {', '.join(other)}")
    made = object.__new__(type(original))
    vars(made).update(changed)
    return made
