"""Explains why a tree does not fit the schema: jsonschema finds the errors, this module words them.

Messages use the titles of the schema: `expected a size such as 512MiB or 20GiB, got "lots"`.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any, cast

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from labctl.core.errors import Problem
from labctl.core.record import record, replace
from labctl.labfile import schema as schemas
from labctl.labfile import suggestions
from labctl.labfile.placeholders import PLACEHOLDER, as_written, has_instance_placeholder, with_sample_values
from labctl.labfile.validate import python_pattern
from labctl.labfile.yaml_tree import FieldPath, Map, value_at, value_position

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from labctl.labfile.problems import Hint, Problems

__all__ = ["Violation", "find_violations", "report_violations"]

_LONGEST = 48  # characters of a wrong value that a message shows
_COUNTED = {"maxItems": "entries", "maxProperties": "entries", "maxLength": "characters"}
_MANY = 40  # smaller limits are in the titles of the schema
_MOST_UNKNOWN = 500  # keys of a map that are compared with the known ones: a stranger may write any number


@record
class Violation:
    """A place where the tree does not fit the schema."""

    path: FieldPath
    summary: str
    hint: Hint = ""
    key: bool = False  # the key at the end of `path` is wrong, not its value
    got: str = ""  # the wrong value, shortened for the message
    missing: tuple[str, ...] = ()  # the required keys that are not in the map at `path`

    def without_value(self) -> Violation:
        """The same with the value hidden, and without the hint, which may contain the value."""
        return replace(self, hint="", got="***")


def find_violations(value: Any, name: str | None = None) -> list[Violation]:
    """Explain why a value does not fit the schema, or its definition `name`."""
    return [each for error in _validator(name).iter_errors(value) for each in _violations(error, ())]


def report_violations(found: list[Violation], tree: Map, problems: Problems) -> None:
    """Report violations, each at its entry in `tree`."""
    for violation in found:
        each = violation
        if each.got and not each.key and problems.redactor.is_in(value_at(tree, each.path)):
            each = each.without_value()
        summary = f"{each.summary}, got {each.got}" if each.got else each.summary
        holder: Any = value_at(tree, each.path[:-1])
        if not each.path:
            problems.add(Problem(summary, "", value_position(tree.mark)), each.hint)
        elif each.key:
            problems.at_key(holder, str(each.path[-1]), summary, each.hint)
        else:
            problems.at(holder, each.path[-1], summary, each.hint)


@cache
def _validator(name: str | None) -> Draft202012Validator:
    document = schemas.document()
    schema = document if name is None else {"$ref": f"#/$defs/{name}", "$defs": document["$defs"]}
    rules = {**Draft202012Validator.VALIDATORS, "pattern": _pattern}
    sampled = {key: _sampled(rules[key]) for key in ("pattern", "enum", "const", "minLength", "maxLength")}
    extended = cast("type[Draft202012Validator]", extend(Draft202012Validator, sampled))  # type: ignore[no-untyped-call]
    return extended(schema)


def _sampled(rule: Callable[..., Iterable[ValidationError]]) -> Callable[..., Iterator[ValidationError]]:
    """A rule that tries a string with references with all sample values; it is wrong if each of them is wrong."""

    def tried(validator: Any, argument: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        texts = (
            with_sample_values(instance)
            if isinstance(instance, str) and PLACEHOLDER in instance
            else [instance]
        )
        found = [list(rule(validator, argument, text, schema) or ()) for text in texts]
        yield from found[0] if all(found) else ()

    return tried


def _pattern(
    _validator: object, pattern: str, instance: object, _schema: object
) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not python_pattern(pattern).search(instance):
        yield ValidationError(f"{instance!r} does not match")


def _violations(error: ValidationError, above: FieldPath) -> Iterator[Violation]:
    path = (*above, *error.relative_path)
    value: Any = error.instance
    schema: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    if isinstance(value, str) and PLACEHOLDER in value and has_instance_placeholder(value):
        return  # it is checked when the instance's names are filled in
    if error.validator == "additionalProperties":
        yield from _unknown_keys(value, schema, path)
    elif error.validator == "required":
        there = {*value, *_misspelt(value, schema)}
        missing = [key for key in schema["required"] if key not in there]
        if missing and error.message.startswith(repr(missing[0])):  # jsonschema reports each by itself
            names = " and ".join(missing)
            summary = f"{names} {'is' if len(missing) == 1 else 'are'} missing"
            yield Violation(path, summary, missing=tuple(missing))
    elif error.validator in {"anyOf", "oneOf"}:
        yield from _branches(error, path)
    elif "propertyNames" in error.absolute_schema_path:
        yield _expected((*path, value), schema, value, key=True)
    elif error.validator in _COUNTED and (most := schema[error.validator]) >= _MANY:
        yield Violation(path, f"more than {most:,} {_COUNTED[error.validator]}")
    elif error.validator == "const" and isinstance(error.validator_value, bool):
        yield Violation(path, f"expected {str(error.validator_value).lower()}", got=_shown(value))
    else:
        yield _expected(path, schema, value)


def _unknown_keys(value: dict[str, Any], schema: dict[str, Any], path: FieldPath) -> Iterator[Violation]:
    known = schema["properties"]
    for key in value:
        if key not in known and not key.startswith("x-"):
            yield Violation(
                (*path, key),
                f"unknown key {_bare(key)}",
                partial(suggestions.suggest_key, key, known),
                key=True,
            )


def _misspelt(value: Any, schema: dict[str, Any]) -> set[str]:
    """The known keys that unknown ones, which are reported, were meant to be: these are not missing too."""
    known: dict[str, Any] = schema.get("properties", {})
    unknown = [key for key in value if key not in known] if isinstance(value, dict) else []
    return {near for key in unknown[:_MOST_UNKNOWN] if (near := suggestions.nearest_key(key, known))}


def _branches(error: ValidationError, path: FieldPath) -> Iterator[Violation]:
    """Explain why a value fits no alternative: the one of the value's type is the one that the user meant."""
    written_: Any = error.validator_value
    alternatives = [schemas.deref(branch) for branch in written_]
    if all(set(branch) == {"required"} for branch in alternatives):
        if not isinstance(error.instance, dict):
            return  # its type has been reported
        choices = [branch["required"][0] for branch in alternatives]
        schema = error.schema if isinstance(error.schema, dict) else {}
        if not {*choices} & {*error.instance} and {*choices} & _misspelt(error.instance, schema):
            return  # as has been what was meant
        names = ", ".join(choices)
        yield Violation(path, f"exactly one of {names} is needed")
        return
    context = list(error.context or ())
    wrong_type = {
        child.relative_schema_path[0]
        for child in context
        if child.validator in {"type", "const"} and not child.relative_path
    }
    meant = [index for index in range(len(alternatives)) if index not in wrong_type]
    if not meant:
        options = " or ".join(_title(branch) for branch in alternatives)
        yield Violation(
            path,
            f"expected {options}",
            partial(suggestions.suggest_value, {"anyOf": written_}, error.instance),
            got=_shown(error.instance),
        )
        return
    for child in context:
        if child.relative_schema_path[0] == meant[0]:
            yield from _violations(child, path[: len(path)])


def _expected(path: FieldPath, schema: dict[str, Any], value: object, *, key: bool = False) -> Violation:
    hint = partial(suggestions.suggest_value, schema, value)
    return Violation(path, f"expected {_title(schema)}", hint, key, _shown(value))


def _title(schema: dict[str, Any]) -> str:
    schema = schemas.deref(schema)
    if "title" in schema:
        return str(schema["title"])
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if "const" in schema:
        return str(schema["const"]).lower()
    kinds = {
        "string": "a text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "array": "a list",
        "object": "a map",
    }
    limits = [
        f"{word} {schema[key]}"
        for key, word in (("minimum", "at least"), ("maximum", "at most"))
        if key in schema
    ]
    return " ".join([kinds.get(str(schema.get("type")), "another value"), *limits])


def _bare(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return f'"{_bare(as_written(value))}"'
    return str(value).lower() if isinstance(value, bool) else str(value)
