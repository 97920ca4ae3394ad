"""Compares two specs of one kind, field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.address import address_sort_key
from labctl.core.record import record, replace
from labctl.core.size import format_size, format_sizes
from labctl.core.spec import Effect, Item, Spec, is_items, owned_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.core.record import Field

Value = str | int | float | bool | None
HIDDEN, OTHER = "(secret)", "(changed)"  # shown for a secret, and for another secret that replaces it
THERE = "there"  # the old value of a needed object that is replaced


@record
class Change:
    """The change of one field. `before` and `after` are None where the field is not set.

    `unset` is shown for None; it is empty for items that are added or removed, as a NIC. `note` says what is done where
    the values don't show that, as "starts". `unit`, `condition` and `drift` are as in `spec.owned`.
    """

    field: str
    before: Value
    after: Value
    effect: Effect
    unit: str = ""
    condition: str = ""
    unset: str = ""
    drift: str = ""
    note: str = ""

    @property
    def sign(self) -> str:
        if self.unset:
            return "~"
        return "+" if self.before is None else "-" if self.after is None else "~"

    @property
    def texts(self) -> tuple[str, ...]:
        """The values as a plan shows them: old and new one, or the only one, as for a new NIC."""
        if self.sign != "~":
            return (show(self.after if self.before is None else self.before, self.unit),)
        if self.before == THERE:
            return (show(self.after),)
        if self.unit in _OPAQUE and None not in (self.before, self.after):
            return ("changed",)
        if self.unit == "bytes" and isinstance(self.before, int) and isinstance(self.after, int):
            return format_sizes(self.before, self.after)
        return show(self.before, self.unit) or self.unset, show(self.after, self.unit) or self.unset

    def __str__(self) -> str:
        return f"{self.sign} {self.field}: {' → '.join(self.texts)}"


def diff(before: Spec | Item, after: Spec | Item, prefix: str = "") -> tuple[Change, ...]:
    """The changes from the existing spec to the wanted one; none where all owned fields agree."""
    return tuple(_changes(before, after, prefix))


def created(spec: Spec) -> tuple[Change, ...]:
    """The set fields of a new object, as changes from nothing."""
    return tuple(
        Change(name, None, value, effect, each.metadata["unit"], each.metadata["condition"])
        for name, each, value, effect in _set_fields(spec)
    )


def deleted(spec: Spec) -> tuple[Change, ...]:
    """The set fields of a deleted object, as changes to nothing."""
    return tuple(replace(each, before=each.after, after=None) for each in created(spec))


def _set_fields(of: Spec | Item, prefix: str = "") -> Iterator[tuple[str, Field, Value, Effect]]:
    """Give each owned field that is set: its name, its declaration, its value and its effect.

    Conditions are left out: of a new or deleted object they say nothing.
    """
    own = owned_by(type(of))
    for each, value in zip(own.fields, own.values(of), strict=True):
        name = prefix + each.name
        if is_items(value):
            for item in _ordered(value):
                yield from _set_fields(item, f"{name}.{item.key}.")
        elif (shown := _json_value(each, value)) is not None and not (
            each.metadata["condition"] and isinstance(value, bool)
        ):
            yield name, each, shown, _effect(each, of)


def _ordered(items: tuple[Item, ...]) -> list[Item]:
    """Sort IP addresses and MACs by value; other items, as NICs, keep the order of the Labfile."""
    keys = [address_sort_key(item.key) for item in items]
    places = [(length, key if length else []) for length, key in keys]
    return [item for _, item in sorted(zip(places, items, strict=True), key=lambda pair: pair[0])]


def _changes(before: Spec | Item, after: Spec | Item, prefix: str) -> Iterator[Change]:
    own = owned_by(type(after))
    olds, news = own.values(before), own.values(after)
    if olds == news:
        return
    for each, old, new in zip(own.fields, olds, news, strict=True):
        if new is None or old == new:
            continue
        name, effect = prefix + each.name, _effect(each, after)
        if old is None and each.metadata["gain"]:
            effect = each.metadata["gain"]
        if is_items(old) or is_items(new):
            yield from _item_changes(old or (), new or (), effect, name)
        else:
            was, to = _json_value(each, old), _json_value(each, new)
            if was == to == HIDDEN:
                to = OTHER
            words = {word: each.metadata[word] for word in ("unit", "condition", "drift")}
            yield Change(name, was, to, effect, **words, unset=each.metadata["unset"] or "none")


def _effect(each: Field, of: Spec | Item) -> Effect:
    declared: Effect = each.metadata["effect"]
    return of.effect(declared) if isinstance(of, Item) else declared


def _item_changes(
    old: tuple[Item, ...], new: tuple[Item, ...], effect: Effect, name: str
) -> Iterator[Change]:
    had, wanted = {item.key: item for item in old}, {item.key: item for item in new}
    for key in sorted(had.keys() | wanted.keys(), key=address_sort_key):
        field = f"{name}.{key}"
        if key not in wanted:
            yield Change(field, str(had[key]), None, had[key].effect(effect))
        elif key not in had:
            yield Change(field, None, str(wanted[key]), wanted[key].effect(effect))
        else:
            yield from _changes(had[key], wanted[key], f"{field}.")


def _json_value(each: Field, value: Any) -> Value:
    """A field's value for JSON: None where nothing is set, a tuple as one text."""
    if value is None or value in ("", ()) or (value == 0 and value is not False and each.metadata["unset"]):
        return None
    if each.metadata["unit"] == "secret":
        return HIDDEN
    if isinstance(value, tuple):
        return ", ".join(map(each.metadata["each"], value))
    return value if isinstance(value, bool | int | float) else str(value) or None


_OPAQUE = ("digest", "secret")  # units of values that are not shown


def show(value: Value, unit: str = "") -> str:
    """Format a value for people, as `512MiB` or `yes`; empty where nothing is set."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if unit == "bytes" and isinstance(value, int):
        return format_size(value)
    if unit == "KiB/s" and isinstance(value, int):
        return f"{format_size(value << 10)}/s"
    return "set" if unit in _OPAQUE else str(value)
