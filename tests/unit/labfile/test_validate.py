"""The compiled schema and jsonschema must always agree."""

import copy
import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.labfile import schema, validate, violations
from tests.unit.labfile import documents

SCALARS = st.none() | st.booleans() | st.integers(-2, 70_000) | st.floats(allow_nan=False) | st.sampled_from(
    ["", "a", "web-1", "10GiB", "5m", "10.0.0.0/24", "10.0.0.1", "fd00::/64", "52:54:00:00:00:01", "none", "web\n"]
)  # fmt: skip
NAMES = st.sampled_from(sorted(schema.document()["$defs"]))


def agree(value, name):
    document = schema.document()
    wanted = document if name is None else {"$ref": f"#/$defs/{name}", "$defs": document["$defs"]}
    fast = validate.compiled(name)(value)
    assert fast == (not violations.find_violations(value, name))
    if "\n" not in json.dumps(value).replace("\\n", "\n"):  # jsonschema lets `$` match before a final newline
        assert fast == jsonschema.Draft202012Validator(wanted).is_valid(value)


def test_the_schema_is_one():
    """It is valid, and every field has a description, since the reference is made from it."""
    jsonschema.Draft202012Validator.check_schema(schema.document())
    for name in ("network", "vm", "disk", "nic", "condition", "parameter"):
        for key, field in schema.definition(name)["properties"].items():
            assert schema.deref(field).get("description"), f"{name}.{key}"


def test_layers_take_the_same_fields():
    """`defaults`, groups and instances have a VM's fields, but those that make VMs."""
    vm = set(schema.definition("vm")["properties"]) - {"count", "first", "names", "instances"}
    assert set(schema.definition("instance")["properties"]) == vm
    assert set(schema.definition("defaults")["properties"]) == vm
    assert set(schema.definition("group")["properties"]) - {"children"} == vm - {"groups"}


def test_every_keyword_is_compiled():
    """Else no Labfile could be judged."""
    for name in schema.document()["$defs"]:
        validate.compiled(name)
    validate.compiled()


def test_an_unknown_keyword_is_an_error_and_never_ignored():
    with pytest.raises(validate.UnknownKeywordError):
        validate.build({"type": "string", "contentEncoding": "base64"})


def test_the_editors_schema_takes_interpolated_texts_for_any_type():
    """And still refuses what is neither."""
    editor = jsonschema.Draft202012Validator(json.loads(schema.text()))
    lab = {
        "labfile": 1,
        "name": "${n}",
        "vms": {"web": {"image": "debian-12", "count": "${n}", "memory": "${n}GiB"}},
    }
    assert editor.is_valid(lab)
    assert not editor.is_valid({**lab, "vms": {"web": {"count": "n"}}})


@given(st.data(), NAMES)
def test_both_agree_on_valid_values(data, name):
    value = data.draw(documents.definition(name))
    assert validate.is_valid(value, name)
    agree(value, name)


@given(st.data(), NAMES)
def test_both_agree_on_values_with_one_place_changed(data, name):
    value = data.draw(documents.definition(name))
    agree(changed(copy.deepcopy(value), data), name)


@given(
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["name", "size", "ip", "tcp", "memory", "image", "x-own", "bogus", "labfile"]
                ),
                inner,
                max_size=4,
            )
        ),
    ),
    NAMES,
)
def test_both_agree_on_anything(value, name):
    agree(value, name)


def changed(value, data):
    """Change one value somewhere."""
    if isinstance(value, dict) and value and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(value)))
        return {**value, key: changed(value[key], data)}
    if isinstance(value, list) and value:
        index = data.draw(st.integers(0, len(value) - 1))
        return [*value[:index], changed(value[index], data), *value[index + 1 :]]
    return data.draw(SCALARS)


# Texts without a pattern: what stays in the Labfile, what is checked when it is read (paths, names of images, suites,
# packages), what goes to a guest alone, and what needs a yes.
FREE_TEXTS = {
    "properties/description",
    "$defs/path",
    "$defs/text",
    "$defs/scalar",
    "$defs/xml_edit/properties/at",
    "$defs/parameter/properties/pattern",
    "$defs/parameter/properties/description",
    "$defs/build/properties/suite",
    "$defs/build/properties/packages/items",
    "$defs/build/properties/run/items",
    "$defs/build_file/properties/content",
    "$defs/disk/properties/image/anyOf/0",
    "$defs/condition/properties/exec",
    "$defs/vm_image/anyOf/0",
    "$defs/provision_shell",
    "$defs/vm_boot/properties/cmdline",
    "$defs/vm/properties/names",
}


def test_every_text_has_a_pattern_or_a_reason_to_be_free():
    """One without is written by libvirt or labctl into the configuration of another program, sooner or later."""
    assert set(_texts_without_pattern(schema.document(), ())) == FREE_TEXTS


def _texts_without_pattern(node, path):
    if isinstance(node, dict):
        kinds = node.get("type", ())
        if "string" in ([kinds] if isinstance(kinds, str) else kinds) and not node.keys() & {
            "pattern",
            "enum",
        }:
            yield "/".join(path)
        for key, value in node.items():
            yield from _texts_without_pattern(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _texts_without_pattern(value, (*path, str(index)))
