"""Labfiles made up from the schema: every field, in every shape that the schema names.

hypothesis-jsonschema reaches into internals that newer versions of Hypothesis don't have; the few keywords that our
schema uses need no more than this.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from labctl.labfile import schema as schemas
from labctl.labfile.yaml_text import CONTROL

NAMES = st.sampled_from(["web", "db", "front", "back", "data"])  # few, so that names meet
TEXT = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=12)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)


def values(schema: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that fit a schema."""
    if isinstance(schema, bool):
        return ANYTHING if schema else st.nothing()
    schema = schemas.deref(schema)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([values(branch, depth) for branch in schema["anyOf"]])
    kind = schema.get("type")
    if isinstance(kind, list):
        return st.one_of([values({**schema, "type": each}, depth) for each in kind])
    return {"object": _map, "array": _list}.get(kind, _scalar)(schema, depth)


def definition(name: str) -> st.SearchStrategy[Any]:
    """Values of one of `$defs`."""
    return st.deferred(lambda: values(schemas.definition(name)))


def labfiles() -> st.SearchStrategy[dict[str, Any]]:
    """Whole Labfiles."""
    return st.deferred(lambda: values(schemas.document()))


def _scalar(schema: dict[str, Any], _depth: int) -> st.SearchStrategy[Any]:
    kind = schema.get("type")
    if kind in {"integer", "number"}:
        least = schema.get("minimum", 0)
        return st.integers(least, schema.get("maximum", least + 1000))
    if kind == "boolean":
        return st.booleans()
    pattern = schema.get("pattern")
    if pattern is None:
        return TEXT.filter(lambda text: len(text) >= schema.get("minLength", 0))
    if schema is schemas.definition("name") or "[a-z][a-z0-9" in pattern:
        return NAMES
    return st.from_regex(pattern.replace("$", r"\Z"), fullmatch=True).filter(
        lambda text: len(text) <= schema.get("maxLength", 4096) and not CONTROL.search(text)
    )


def _list(schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    most = min(schema.get("maxItems", 3), 3)
    return st.lists(
        st.deferred(lambda: values(schema["items"], depth + 1)),
        min_size=schema.get("minItems", 0),
        max_size=most,
    )


def _map(schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    others = schema.get("additionalProperties", True)
    if "properties" not in schema:
        keys = values(schema["propertyNames"]) if "propertyNames" in schema else NAMES
        return st.dictionaries(keys, st.deferred(lambda: values(others, depth + 1)), max_size=2)
    fields = {
        key: st.deferred(lambda value=value: values(value, depth + 1))
        for key, value in schema["properties"].items()
    }
    needed = schema.get("required", [])
    one = [branch["required"][0] for branch in schema.get("oneOf", [])]
    free = [key for key in fields if key not in {*needed, *one}]

    @st.composite
    def build(draw: st.DrawFn) -> dict[str, Any]:
        chosen = draw(st.lists(st.sampled_from(free), unique=True, max_size=5)) if free else []
        keys = [*needed, *chosen, *([draw(st.sampled_from(one))] if one else [])]
        return {key: draw(fields[key]) for key in keys}

    return build()
