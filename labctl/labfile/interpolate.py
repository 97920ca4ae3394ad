"""Fills in `${…}` in three passes: first parameters, then the names and index of an instance, then addresses.

Between the passes a string holds placeholders (see `placeholders`).
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from labctl.core.errors import Problem, Rejected
from labctl.core.record import field, record
from labctl.labfile.placeholders import PATTERN, PLACEHOLDER, UNKNOWN, is_reference, placeholder
from labctl.labfile.problems import Problems, did_you_mean
from labctl.labfile.secret_fields import HINT, WHERE, is_script, may_hold_secret
from labctl.labfile.yaml_tree import Map, Seq, entries, entry_mark, value_position

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from labctl.labfile.yaml_tree import FieldPath

__all__ = [
    "INSTANCE_NAMES",
    "RESERVED",
    "Reference",
    "Scope",
    "TextBudget",
    "fill",
    "fill_instance",
    "fill_references",
    "plain",
    "tree_has_instance_placeholder",
]

T = TypeVar("T")
MAX_FILLED = 32 << 20
INSTANCE_NAMES = ("base", "name", "index")
RESERVED = frozenset({"lab", *INSTANCE_NAMES, "vms", "networks"})
_WRITTEN = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_NAME = re.compile(r"([a-z][a-z0-9_-]*)(?::(0[0-9]{1,2}))?")
_REFERENCE = re.compile(r"vms\.[^.]+\.[^.]+\.(ip|ip6|mac)|networks\.[^.]+\.(subnet|host|gateway)")


@record
class Reference:
    """A reference such as `vms.db.back.ip`, and the entry that it is written in."""

    name: str
    holder: Map | Seq
    key: str | int


class TextBudget:
    """How many characters texts may have, with the values filled into them: a long value can be used many times."""

    def __init__(self) -> None:
        self._total = 0

    def spend(self, text: str, at: Entry) -> str:
        """Count a text against the limit, and give it.

        Raises:
            Rejected: the limit is exceeded.
        """
        self._total += len(text)
        if self._total > MAX_FILLED:
            where = value_position(entry_mark(at.holder, at.key))
            raise Rejected(
                [Problem(f"texts grow beyond {MAX_FILLED >> 20} MB, values filled in", where=where)]
            )
        return text


@record
class Entry:
    """The entry of a map or list whose text is filled in."""

    holder: Map | Seq
    key: str | int
    path: FieldPath


@record(frozen=False)
class Scope:
    """The names that `${…}` may have, with their values. A value that is missing or wrong is None, and reported.

    `secrets` are the names of secret parameters, and `path` leads to the node that is filled in.
    """

    values: Mapping[str, Any]
    problems: Problems
    budget: TextBudget = field(default_factory=TextBudget)
    secrets: Collection[str] = ()
    path: FieldPath = ()
    references: list[Reference] = field(default_factory=list)
    instance_names: bool = False  # `${base}`, `${name}` and `${index}` are allowed here


def fill(node: T, scope: Scope) -> T:
    """First pass: fill in parameters and `lab`, and put placeholders for the rest. Unknown names are reported."""
    filled = _mapped(node, "${", lambda text, at: _first(text, at, scope), scope.budget, scope.path)
    return cast("T", filled)


def fill_instance(
    node: T, values: Mapping[str, Any], problems: Problems | None = None, budget: TextBudget | None = None
) -> T:
    """Second pass: fill in `base`, `name` and, in VMs with `count`, `index`.

    A name without a value is reported to `problems`; without `problems` its placeholder stays.
    """

    def second(text: str, at: Entry) -> Any:
        def value(mark: str) -> Any:
            name, _, form = mark.partition(":")
            if name not in INSTANCE_NAMES or (name not in values and problems is None):
                return placeholder(mark)
            if name not in values and problems is not None:
                problems.at(
                    at.holder, at.key, f"{name} has no value here", "only a VM with count has an index"
                )
                return UNKNOWN
            return format(values[name], form) if form else values[name]

        return _replaced(PATTERN, text, value)

    return cast("T", _mapped(node, PLACEHOLDER, second, budget or TextBudget()))


def fill_references(node: T, values: Mapping[str, str]) -> T:
    """Third pass: fill in references from `{"vms.db.back.ip": "10.0.0.2"}`. The others stay placeholders."""

    def third(text: str, _at: Entry) -> str:
        return PATTERN.sub(lambda found: values.get(found[1], found[0]), text)

    return cast("T", _mapped(node, PLACEHOLDER, third, TextBudget())) if values else node


def tree_has_instance_placeholder(node: object) -> bool:
    """Whether a string below `node` is to be filled in by the second pass."""
    if isinstance(node, str):
        return PLACEHOLDER in node and any(not is_reference(name) for name in PATTERN.findall(node))
    if isinstance(node, Map | Seq):
        return any(tree_has_instance_placeholder(value) for _, value in entries(node))
    return False


def plain(node: Any) -> Any:
    """Copy a tree to dicts and lists without positions."""
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    return node


def _mapped(
    node: Any, sign: str, change: Callable[[str, Entry], Any], budget: TextBudget, path: FieldPath = ()
) -> Any:
    """Copy a tree, with each string that contains `sign` changed. Subtrees without such strings are shared."""
    new: dict[Any, Any] = {}
    for key, value in entries(node):
        if type(value) is str:
            if sign in value and not is_script((*path, key)):
                at = Entry(node, key, (*path, key))
                new[key] = change(budget.spend(value, at), at)
        elif isinstance(value, Map | Seq):
            below = _mapped(value, sign, change, budget, (*path, key))
            if below is not value:
                new[key] = below
    if not new:
        return node
    if isinstance(node, Map):
        return Map(node.mark, {**node, **new}, node.marks)
    return Seq(node.mark, [new.get(index, value) for index, value in enumerate(node)], node.marks)


def _replaced(pattern: re.Pattern[str], text: str, value: Callable[[str], Any]) -> Any:
    whole = pattern.fullmatch(text)
    if whole and whole[1] is not None:
        return value(whole[1])
    return pattern.sub(lambda found: _text(value(found[1])), text)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _first(text: str, at: Entry, scope: Scope) -> Any:
    def value(name: str) -> Any:
        return _named(name, at, scope)

    whole = _WRITTEN.fullmatch(text)
    if whole and whole[1] is not None:
        given = value(whole[1])
        return scope.budget.spend(given, at) if isinstance(given, str) else given

    def replacement(found: re.Match[str]) -> str:
        if found[0] == "$${":
            return "${"
        if found[1] is None:
            scope.problems.at(at.holder, at.key, "a ${ has no } after it", "write $${ for a literal ${")
            return UNKNOWN
        return scope.budget.spend(_text(value(found[1])), at)

    return _WRITTEN.sub(replacement, text)


def _named(name: str, at: Entry, scope: Scope) -> Any:
    """Give the value of one `${name}`, or a placeholder."""
    holder, key = at.holder, at.key
    if is_reference(name):
        return _referenced(name, holder, key, scope)
    parsed = _NAME.fullmatch(name)
    bare, form = (parsed[1], parsed[2]) if parsed else (name, None)
    if bare in INSTANCE_NAMES and scope.instance_names and (not form or bare == "index"):
        return placeholder(name)
    if bare in scope.secrets and not may_hold_secret(at.path):
        scope.problems.at(holder, key, f"others could read the secret {bare} here, {WHERE}", HINT)
    elif bare in scope.values:
        value = scope.values[bare]
        if value is None:
            return UNKNOWN
        number = isinstance(value, int) and not isinstance(value, bool)
        if not form or number:
            return format(value, form) if form else value
        scope.problems.at(holder, key, f"${{{name}}} pads what is no whole number")
    elif bare in INSTANCE_NAMES:
        scope.problems.at(holder, key, f"${{{name}}} is known in VMs only")
    else:
        scope.problems.at(holder, key, f"${{{name}}} names nothing", partial(_meant, bare, scope))
    return UNKNOWN


def _meant(name: str, scope: Scope) -> str:
    known = [*scope.values, *(INSTANCE_NAMES if scope.instance_names else ())]
    literal = "write $${ for a literal ${"
    hint = did_you_mean(name, known, literal)
    return hint if hint == literal else f"{hint} {literal}"


def _referenced(name: str, holder: Map | Seq, key: str | int, scope: Scope) -> str:
    if _REFERENCE.fullmatch(name):
        scope.references.append(Reference(name, holder, key))
        return placeholder(name)
    hint = "there are vms.VM.NIC.ip, .ip6 and .mac, networks.NET.subnet, .host and .gateway"
    scope.problems.at(holder, key, f"${{{name}}} names nothing", hint)
    return UNKNOWN
