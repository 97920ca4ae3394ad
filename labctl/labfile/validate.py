"""Answers quickly whether a tree fits the schema; `violations` explains why one does not.

The schema is compiled to closures. jsonschema is imported only to explain, since its import alone takes longer than the
plan of a small lab (docs/adr/0006-schema-validation.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from labctl.labfile import schema as schemas
from labctl.labfile.placeholders import PLACEHOLDER, has_instance_placeholder, with_sample_values

__all__ = ["UnknownKeywordError", "compiled", "is_valid", "python_pattern"]

Check = Callable[[Any], bool]
Schema = dict[str, Any]

ANNOTATIONS = frozenset(
    {
        "$schema",
        "$id",
        "$defs",
        "$comment",
        "title",
        "description",
        "default",
        "examples",
        "format",
    }
)
_BESIDE = frozenset({"patternProperties", "additionalProperties"})  # checked together with `properties`


class UnknownKeywordError(Exception):
    """The schema uses a keyword that this compiler does not know. labctl's own schema has no such keyword."""


def is_valid(value: object, name: str | None = None) -> bool:
    """Whether a value fits the schema, or its definition `name`."""
    return compiled(name)(value)


@cache
def compiled(name: str | None = None) -> Check:
    """Compile the whole schema, or its definition `name`."""
    return build(schemas.document() if name is None else schemas.definition(name))


def build(schema: Schema | bool) -> Check:  # noqa: FBT001 - true and false are schemas
    """Compile a schema.

    A string with a placeholder for an instance's name fits any schema: it is checked again when the name is filled in.
    A string with references fits if it does so with sample values.
    """
    if isinstance(schema, bool):
        return lambda _value: schema
    if unknown := schema.keys() - ANNOTATIONS - _BESIDE - _RULES.keys():
        raise UnknownKeywordError(", ".join(sorted(unknown)))
    checks = [_RULES[keyword](argument) for keyword, argument in schema.items() if keyword in _RULES]
    if schema.keys() & (_BESIDE | {"properties"}):
        checks.append(_members(schema))

    def check(value: Any) -> bool:
        if type(value) is str and PLACEHOLDER in value:
            return has_instance_placeholder(value) or any(map(check, with_sample_values(value)))
        for rule in checks:  # noqa: SIM110 - a generator costs twice the time here
            if not rule(value):
                return False
        return True

    return checks[0] if len(checks) == 1 and "$ref" in schema else check


@cache
def python_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a pattern whose `$` matches at the very end only. Python's also matches before a last newline."""
    return re.compile(re.sub(r"\$(?=$|\|)", r"\\Z", pattern))


def _members(schema: Schema) -> Check:
    """Compile the checks of a map's entries, each when a Labfile has it for the first time: most fields are rare."""
    properties: Schema = schema.get("properties", {})
    patterns: Schema = schema.get("patternProperties", {})
    table: dict[str, list[Check]] = {}

    @cache
    def built(group: str, key: str) -> Check:
        return build(schema[group][key])

    @cache
    def others() -> Check:
        return build(schema.get("additionalProperties", True))

    def checks_of(key: str) -> list[Check]:
        found = [built("properties", key)] if key in properties else []
        found += [built("patternProperties", each) for each in patterns if python_pattern(each).search(key)]
        found = found or [others()]
        if key in properties:
            table[key] = found
        return found

    def check(value: Any) -> bool:
        if isinstance(value, dict):
            for key, entry in value.items():
                for fits in table.get(key) or checks_of(key):
                    if not fits(entry):
                        return False
        return True

    return check


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Check] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "number": _number,
    "integer": lambda value: _number(value) and (isinstance(value, int) or value.is_integer()),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def _type(names: str | list[str]) -> Check:
    if isinstance(names, str):
        return _TYPES[names]
    several = [_TYPES[name] for name in names]
    return lambda value: any(check(value) for check in several)


def _same(first: object, second: object) -> bool:
    """Compare as JSON does: 1 equals 1.0, but not true."""
    return isinstance(first, bool) == isinstance(second, bool) and first == second


def _any(schemas_: list[Schema | bool]) -> Check:
    checks = [build(schema) for schema in schemas_]
    return lambda value: any(check(value) for check in checks)


def _one(schemas_: list[Schema | bool]) -> Check:
    checks = [build(schema) for schema in schemas_]
    return lambda value: sum(check(value) for check in checks) == 1


def _each(schema: Schema | bool, kind: type[dict[str, Any] | list[Any]]) -> Check:  # noqa: FBT001 - as above
    """Compile `items` (for lists), or `propertyNames` (for dicts, which iterate over their keys)."""
    check = build(schema)
    return lambda value: not isinstance(value, kind) or all(check(each) for each in value)


def _pattern(pattern: str) -> Check:
    # The pattern is compiled on first use: most fields with patterns are not in a given Labfile.
    return lambda value: not isinstance(value, str) or python_pattern(pattern).search(value) is not None


def _reference(ref: str) -> Check:
    name = ref.removeprefix("#/$defs/")

    def check(value: object) -> bool:  # looked up on use, since definitions may be recursive
        return compiled(name)(value)

    return check


_RULES: dict[str, Callable[[Any], Check]] = {
    "$ref": _reference,
    "type": _type,
    "const": lambda wanted: lambda value: _same(value, wanted),
    "enum": lambda allowed: lambda value: any(_same(value, one) for one in allowed),
    "anyOf": _any,
    "oneOf": _one,
    "properties": lambda _: lambda _value: True,  # see _members
    "required": lambda keys: lambda value: not isinstance(value, dict) or all(key in value for key in keys),
    "propertyNames": lambda schema: _each(schema, dict),
    "items": lambda schema: _each(schema, list),
    "minItems": lambda least: lambda value: not isinstance(value, list) or len(value) >= least,
    "maxItems": lambda most: lambda value: not isinstance(value, list) or len(value) <= most,
    "maxProperties": lambda most: lambda value: not isinstance(value, dict) or len(value) <= most,
    "minLength": lambda least: lambda value: not isinstance(value, str) or len(value) >= least,
    "maxLength": lambda most: lambda value: not isinstance(value, str) or len(value) <= most,
    "pattern": _pattern,
    "minimum": lambda least: lambda value: not _number(value) or value >= least,
    "maximum": lambda most: lambda value: not _number(value) or value <= most,
}
