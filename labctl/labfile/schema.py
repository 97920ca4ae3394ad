"""Gives the Labfile's schema, `schemas/labfile.schema.json`, as text and as data."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

from labctl import resources

__all__ = ["definition", "deref", "document", "text"]

Schema = dict[str, Any]
_FILE = "schemas/labfile.schema.json"
_REF = "#/$defs/"
# An editor checks the file as it is written, where `count: "${n}"` is a string.
_INTERPOLATED = {"title": "a text with ${…}", "type": "string", "pattern": r"\$\{[^}]+\}"}


@cache
def document() -> Schema:
    """Give the schema as data. All callers share it and must not change it."""
    schema: Schema = json.loads(resources.text(_FILE))
    return schema


def definition(name: str) -> Schema:
    """Give one of `$defs`."""
    found: Schema = document()["$defs"][name]
    return found


def deref(schema: Schema) -> Schema:
    """Resolve `$ref`. Keywords beside it win over those of the definition."""
    while "$ref" in schema:
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**definition(str(schema["$ref"]).removeprefix(_REF)), **beside}
    return schema


def text() -> str:
    """Give the schema for editors, as JSON: there a field of any type may also be a text with `${…}`."""
    schema = copy.deepcopy(document())
    for node in [schema, *schema["$defs"].values()]:
        _open_up(node)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _open_up(node: Schema) -> None:
    for group in ("properties", "additionalProperties", "items"):
        below = node.get(group)
        if not isinstance(below, dict):
            continue
        if group == "properties":
            node[group] = {key: _or_interpolated(value) for key, value in below.items()}
        elif below:
            node[group] = _or_interpolated(below)


def _or_interpolated(schema: Schema) -> Schema:
    _open_up(schema)
    for branch in schema.get("anyOf", ()):
        _open_up(branch)
    final = deref(schema)
    if final.get("type") == "object" or (
        final.get("type") == "string" and not final.keys() & {"pattern", "enum"}
    ):
        return schema
    kept: Schema = {key: schema[key] for key in ("description", "default", "title") if key in schema}
    rest = {key: value for key, value in schema.items() if key not in kept}
    branches = rest["anyOf"] if set(rest) == {"anyOf"} else [rest]
    return {**kept, "anyOf": [*branches, _INTERPOLATED]}
