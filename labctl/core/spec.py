"""What a kind must say of itself: typed fields, what a change of each costs, and what it needs.

A spec is a record. `owned(effect)` declares a field that labctl compares; a plain field is carried along but
never compared. A field whose desired value is None is not owned by this Labfile: what libvirt chose stays.
"""

from __future__ import annotations

import hashlib
import re
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from labctl.core.lifecycle import Stage
from labctl.core.questions import Questions
from labctl.core.record import field, fields, getter, record
from labctl.core.verbs import CREATE, DELETE, UPDATE, Verb

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from labctl.core.address import Address
    from labctl.core.diff import Change


class Effect(IntEnum):
    """What a change costs, cheapest first."""

    LIVE = 1
    RESTART = 2
    REPLACE = 3

    @property
    def label(self) -> str:
        return self.name.lower()


def owned(  # noqa: PLR0913  # one by place, the rest by keyword
    effect: Effect = Effect.LIVE,
    *,
    unit: str = "",
    condition: str = "",
    unset: str = "",
    gain: Effect | None = None,
    each: Callable[[Any], str] = str,
    drift: str = "",
    **options: Any,
) -> Any:
    """Declare a field of a spec that is compared.

    Args:
        effect: what a change of it costs; for a tuple of items, what adding or removing one costs.
        unit: "bytes" makes people see `512MiB`, "KiB/s" `1MiB/s`, "digest" only that it changed. Of a "secret" no
            value is shown anywhere.
        unset: what it means that nothing is set, as "libvirt's own" or "no limit"; with it 0 says so, as None, the
            empty string and the empty tuple always do. Without it that is "none".
        gain: what it costs to set it where it is None, if that is another than of a change.
        each: how one of a tuple of values is told.
        condition: for a field that tells a condition (is it running?) rather than a setting: what a plan gives as the
            cause when only that differs. Such a field is no part of the fingerprint.
        drift: what a plan gives as the cause when only that differs and the Labfile did not change it, where that is
            not that somebody else did.
        options: `default`, `default_factory`, … of `core.record.field`.
    """
    told = {
        "unit": unit,
        "condition": condition,
        "unset": unset,
        "gain": gain,
        "each": each,
        "drift": drift,
    }
    return field(metadata={"effect": effect, **told}, **options)


class Owned:
    """The owned fields of a class of specs or items: `values` gives what they are, in one call.

    `settings` are those that tell no condition.
    """

    def __init__(self, kind: type) -> None:
        self.fields = tuple(each for each in fields(kind) if "effect" in each.metadata)
        self.settings = tuple(each for each in self.fields if not each.metadata["condition"])
        self.values = getter([each.name for each in self.fields])


_ADDRESS = re.compile(r"IPv[46]Address\(('[^']*')\)")
YES = "yes"  # the value of a field such as `unmarked`, which is empty where nothing is wrong
_OWNED: dict[type, Owned] = {}


def owned_by(kind: type) -> Owned:
    """The owned fields of a class, worked out once."""
    if kind not in _OWNED:
        _OWNED[kind] = Owned(kind)
    return _OWNED[kind]


@record
class Need:
    """One thing needs another: the first comes to the stage `holds` only after the other has come to `until`.

    `on_replace` is what it costs the first when the other is replaced, None when nothing; `on_loss` when someone
    removed the other, so that it is made anew.
    """

    address: Address
    holds: Stage = Stage.CREATED
    until: Stage = Stage.CREATED
    on_replace: Effect | None = None
    on_loss: Effect | None = None


@record
class Part:
    """A part of what a plan tells of a new object.

    Objects with the same `what`s are told together; `own` is what each has for itself: its addresses, parted by spaces,
    or its MAC.
    """

    what: str
    own: str = ""


class Item:
    """A member of a tuple field, known by `key` and not by its place, as a NIC or a DHCP host is."""

    @property
    def key(self) -> str:
        raise NotImplementedError

    def effect(self, declared: Effect) -> Effect:
        """What adding, removing or changing this one costs, where it differs from what the field declares."""
        return declared


class Spec(Questions):
    """The base of every kind's spec."""

    kind: ClassVar[str]
    word: ClassVar[str] = ""  # what people call one, where that is not `kind`
    rank: ClassVar[int]  # the order of kinds: what is needed is built, and told, before what needs it
    # Kinds whose new objects can collide with those that are about to go (same subnet, same bridge) create last.
    exclusive: ClassVar[bool] = False
    holds_data: ClassVar[bool] = False  # a deletion loses data of the user
    holds_others: ClassVar[bool] = False  # others lie in it, and are lost with it
    has_disks: ClassVar[bool] = False  # it writes to disks, and its `chains` tell where they are
    shared: ClassVar[bool] = False  # every lab's, so that it stays when a lab goes
    libvirt_object: ClassVar[str] = ""  # libvirt's word for it, where it carries labctl's mark

    @property
    def address(self) -> Address:
        raise NotImplementedError

    def needs(self) -> tuple[Need, ...]:
        """What has to be there before this is."""
        return ()

    def verbs(self, effect: Effect | None, before: Spec | None) -> tuple[Verb[Any], ...]:
        """What the driver does, in order, to bring this about; `effect` is None for a creation.

        `before` is what exists. Deletion is not asked here: its verb is always `DELETE`.
        """
        del before
        if effect is None:
            return (CREATE,)
        return (DELETE, CREATE) if effect is Effect.REPLACE else (UPDATE,)

    @property
    def boots(self) -> bool:
        """Whether it is started when it is made."""
        return any(verb.boots for verb in self.verbs(None, None))

    def refusal(self, before: Spec) -> str:
        """Why this can't be made out of `before` at all, or the empty string."""
        del before
        return ""

    def assessed(self, before: Spec, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """The changes that make this out of `before`, with what they cost and do in the state that it is in."""
        del before
        return changes

    def loss(self, before: Spec, effect: Effect) -> str:
        """What data of the user making this out of `before` loses although nothing is deleted, or the empty string."""
        del before, effect
        return ""

    def lets_go(self, after: Spec | None) -> Collection[Address]:
        """What this has a part in that `after` has not: that changes once this has let go, and not before.

        `after` is None where this goes as a whole.
        """
        del after
        return ()

    def anew(self, made: Collection[Address]) -> Spec:
        """The spec for when `made`, which it needs, are made anew: without what it keeps of the old ones."""
        del made
        return self

    def brief(self) -> tuple[Part, ...]:
        """What people want to know of it before it is made, the most telling first: a line or two in all."""
        return ()

    @property
    def owner(self) -> Address | None:
        """Whose `brief` tells of this as well, where both are new."""
        return None

    def fingerprint(self) -> str:
        """A digest of the owned fields; stored with what was applied, it tells an edit from drift.

        An IP address counts as its text: the digests of labs that were made when it was a text stay true.
        """
        own = [(each.name, getattr(self, each.name)) for each in owned_by(type(self)).settings]
        return hashlib.sha256(_ADDRESS.sub(r"\1", repr(own)).encode()).hexdigest()[:16]


S = TypeVar("S", bound=Spec)


def of_kind(specs: Iterable[Spec | None], kind: type[S]) -> Iterator[S]:
    """Those of one kind, for what is about this kind by nature."""
    return (spec for spec in specs if isinstance(spec, kind))


def find(specs: Mapping[Address, Spec], address: Address, kind: type[S]) -> S | None:
    """The spec at an address, typed; None where there is none."""
    return next(of_kind((specs.get(address),), kind), None)


def is_items(value: object) -> bool:
    """Say whether a field's value is a tuple of items."""
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], Item)
