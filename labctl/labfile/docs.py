"""Writes the reference of the Labfile from its schema: `python -m labctl.labfile.docs > docs/labfile.md`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from labctl.labfile import schema as schemas

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["reference"]

_SECTIONS = (
    ("parameter", "parameters.NAME"),
    ("group", "groups.NAME"),
    ("network", "networks.NAME"),
    ("dhcp", "networks.NAME.dhcp"),
    ("volume", "volumes.NAME"),
    ("vm", "vms.NAME"),
    ("image", "image"),
    ("build", "image.build"),
    ("build_file", "image.build.files[]"),
    ("root_disk", "disk"),
    ("disk", "disks[]"),
    ("nic", "networks[] of a VM"),
    ("condition", "ready[]"),
    ("folder", "folders[]"),
    ("provision_step", "provision[]"),
    ("lab_provision_step", "provision[] of the lab"),
    ("provision_copy", "copy"),
    ("provision_fetch", "fetch"),
    ("provision_ansible", "ansible"),
    ("route", "routes[]"),
    ("bandwidth", "bandwidth"),
    ("xml_edit", "xml[]"),
)
_HEAD = """\
# The Labfile

<!-- Generated from schemas/labfile.schema.json by `python -m labctl.labfile.docs`. -->

"""
_VALUES = """\
## Values

- YAML 1.2: `no` and `22:22` are texts, `1.10` is a number unless it is quoted. A key may stand in a map only once.
- `cloud_init`, also from a `{file}`, is YAML 1.1, as cloud-init reads it: `no` is false, `permissions: 0600` is octal,
  `12:30:00` and `2001-01-01` are no texts. An alias means what it would mean if it were written out in its place.
- Keys that start with `x-` are your own and ignored, so they can hold anchors. Within `cloud_init`, only at its top.
- `${NAME}` in a text is filled in: a parameter, `lab`, in VMs `base` (the VM as written), `name` (the instance)
  and, with `count`, `index` (`${index:02}` pads with zeros). A text that is nothing but `${NAME}` takes the
  parameter's type: `count: "${n}"` is a number. `$${` is a literal `${`.
- `${vms.VM.NIC.ip}`, `.ip6`, `.mac` and `${networks.NET.subnet}`, `.host`, `.gateway` can stand in any text, those of
  networks included. They are filled in when addresses are given out, and the result is checked then. On `external`,
  `bridge` and `macvtap` there are none but what is written down, and none may follow from itself.
- In a `shell` of `provision`, nothing is filled in: what it needs, it gets as environment variables.
- Layers, weakest first: `defaults`, groups that hold the VM through `children` (outer first), groups that the VM names,
  the VM, `instances`. Maps merge; texts, numbers and lists replace, but `ready`, `folders`, `forwards` and
  `provision` append, and so do lists in `cloud_init`. An `image` replaces as a whole.
"""


def reference() -> str:
    """Give the whole page as Markdown."""
    document = schemas.document()
    parts = [_HEAD, f"{document['description']}\n\n", "".join(_table(document)), "\n", _VALUES]
    for name, title in _SECTIONS:
        parts += [f"\n## {title}\n\n", "".join(_table(schemas.definition(name)))]
        if name == "group":
            fields = "All fields of a VM but `count`, `first`, `names`, `instances` and `groups`, and:\n\n"
            only = {"properties": {"children": schemas.definition("group")["properties"]["children"]}}
            parts[-1] = fields + "".join(_table(only))
    return "".join(parts)


def _table(schema: dict[str, Any]) -> Iterator[str]:
    yield "| field | value | default | meaning |\n|---|---|---|---|\n"
    required = schema.get("required", ())
    for key, written in schema["properties"].items():
        field = schemas.deref(written)
        default = field.get("default")
        default = "" if default in (None, {}, [], "") else f"`{json.dumps(default, ensure_ascii=False)}`"
        if key in required:
            default = "required"
        cells = (f"`{key}`", _value(field), default, str(field.get("description", "")))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
        if field.get("type") == "object" and "properties" in field and key != "defaults":
            yield from _below(key, field)


def _below(key: str, schema: dict[str, Any]) -> Iterator[str]:
    """Give the rows of a small map's fields, for the table of the map itself."""
    for row in list(_table(schema))[1:]:
        yield row.replace("| `", f"| `{key}.", 1)


def _value(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " · ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        return " · ".join(_value(schemas.deref(branch)) for branch in field["anyOf"])
    kinds = {
        "string": "a text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "`true` · `false`",
    }
    return str(field.get("title") or kinds.get(str(field.get("type")), f"`{json.dumps(field.get('const'))}`"))


if __name__ == "__main__":
    sys.stdout.write(reference())
