"""Suggests what to write instead of a wrong key or value: one line, and only what the schema accepts."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

from labctl.core.closest_matches import closest_matches
from labctl.labfile import schema as schemas
from labctl.labfile.placeholders import PLACEHOLDER, as_written
from labctl.labfile.validate import build, python_pattern
from labctl.labfile.yaml12 import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["nearest_key", "suggest_key", "suggest_value"]

# By the start of a schema's title: the unit of a bare number up to this limit, and the unit of a larger number.
_UNITS = {
    "a size": ("MiB", 1 << 20, "B"),
    "a duration": ("s", 86_400, "ms"),
    "a rate": ("MiB/s", 1 << 20, "B/s"),
}
_SPELT = {
    **{
        f"{letter}{rest}": f"{letter.upper()}{rest.replace('b', 'B')}"
        for letter in "kmgt"
        for rest in ("", "b", "ib")
    },
    **dict.fromkeys(("b", "byte", "bytes"), "B"),
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("msec", "msecs", "millis"), "ms"),
}
# Words of libvirt, QEMU, VirtualBox and other tools, and the Labfile's words for the same.
_WORDS = {
    **dict.fromkeys(("host-passthrough", "host-model", "passthrough"), "host"),
    "max": "maximum",
    **dict.fromkeys(("ovmf", "efi", "edk2"), "uefi"),
    **dict.fromkeys(("seabios", "legacy"), "bios"),
    **dict.fromkeys(("none", "private", "private_network", "internal", "hostonly", "host-only"), "isolated"),
    **dict.fromkeys(("route", "routing"), "routed"),
    **dict.fromkeys(("bridged", "public_network"), "bridge"),
    **dict.fromkeys(("direct", "macvlan"), "macvtap"),
    **dict.fromkeys(("virtio-blk", "virtio-blk-pci"), "virtio"),
    "virtio-scsi": "scsi",
    "ahci": "sata",
    **dict.fromkeys(("qemu", "emulated", "software"), "tcg"),
    **dict.fromkeys(("on", "up", "started", "start", "present"), "running"),
    **dict.fromkeys(("stopped", "halted", "down", "shutoff", "shutdown", "poweroff"), "off"),
}
_KEYS = {
    **dict.fromkeys(("ram", "mem"), ("memory",)),
    **dict.fromkeys(("vcpu", "vcpus", "cores"), ("cpus",)),
    **dict.fromkeys(("box", "os"), ("image",)),
    **dict.fromkeys(("nics", "interfaces"), ("networks",)),
    **dict.fromkeys(("network", "cidr", "net"), ("networks", "subnet")),
    **dict.fromkeys(("machines", "nodes", "services", "domains", "hosts"), ("vms",)),
    **dict.fromkeys(("user_data", "user-data", "userdata", "cloud-init", "cloudinit"), ("cloud_init",)),
    **dict.fromkeys(("depends", "requires", "after"), ("depends_on",)),
    **dict.fromkeys(("replicas", "number", "scale"), ("count",)),
    **dict.fromkeys(("address", "ip_address", "ipv4"), ("ip",)),
    **dict.fromkeys(("variables", "vars", "variable"), ("parameters",)),
    **dict.fromkeys(("synced_folder", "synced_folders", "shared_folders", "mounts", "volumes"), ("folders",)),
    **dict.fromkeys(("healthcheck", "wait_for"), ("ready",)),
}
_SHORT = ("size", "image", "mode", "subnet", "default", "tcp", "http", "exec", "path", "file", "children")
_LONGEST = 40  # characters of a quantity that may be misspelt
_FILE = {"file": {"type": "string"}}  # the schema lists no other fields of a cloud-config


def suggest_key(key: str, known: dict[str, Any]) -> str:
    """Suggest a known key for an unknown one: a similar one, or the Labfile's word for another tool's."""
    if near := nearest_key(key, known):
        return f"did you mean {near}?"
    few = 12
    return f"known: {', '.join(known)}" if len(known) <= few else ""


def nearest_key(key: str, known: Iterable[str]) -> str:
    """The known key that was meant by an unknown one; empty without a good guess."""
    known = tuple(known)
    meant = next((each for each in _KEYS.get(key.lower(), ()) if each in known), "")
    return meant or next(iter(closest_matches(key, known)), "")


def suggest_value(schema: dict[str, Any], value: object) -> str:
    """Suggest what to write instead of a value; empty where there is no good guess."""
    if isinstance(value, str) and (PLACEHOLDER in value or "${" in value):
        return ""
    schema = schemas.deref(schema)
    alternatives = [schemas.deref(each) for each in schema.get("anyOf", (schema,))]
    for each in alternatives:
        alone = (
            len(alternatives) == 1 or "pattern" in each
        )  # a schema without a pattern takes any text: no good guess
        found = _of_text(each, value) if isinstance(value, str) else _of_number(each, value, alone=alone)
        if found:
            return found
    for each in alternatives:
        if found := next(_wrapped(each, value), ""):
            return found
    return ""


def _of_number(schema: dict[str, Any], value: object, *, alone: bool) -> str:
    plain = str(value).lower() if isinstance(value, bool) else str(value)
    if not isinstance(value, int | float):
        return ""
    if not isinstance(value, bool) and (unit := _unit(schema, value)):
        return f"write the unit: {value}{unit}"
    return "quote it to make it a text" if alone and _takes_text(schema, plain) else ""


def _takes_text(schema: dict[str, Any], text: str) -> bool:
    return schema.get("type") == "string" and bool(python_pattern(schema.get("pattern", "")).search(text))


def _unit(schema: dict[str, Any], value: float) -> str:
    title = str(schema.get("title", ""))
    for start, (unit, most, larger) in _UNITS.items():
        if title.startswith(start) and isinstance(value, int):
            return unit if value <= most else larger
    return ""


def _of_text(schema: dict[str, Any], value: str) -> str:
    if "enum" in schema:
        if _WORDS.get(value.lower()) in schema["enum"]:
            return f"did you mean {_WORDS[value.lower()]}?"
        close = closest_matches(value, map(str, schema["enum"]))
        return f"did you mean {close[0]}?" if close else ""
    kind = schema.get("type", "boolean")  # an enum without a type may have true and false
    if kind == "boolean" and value.lower() in {"yes", "no", "on", "off", "y", "n"}:
        return "YAML 1.2 has true and false only"
    if kind in {"integer", "number"} and not isinstance(resolve(value or "-"), str):
        return "leave the quotes out"
    if kind != "string":
        return ""
    return _respelt(schema, value) or _foreign_letter(value) or _lower_case(schema, value)


def _respelt(schema: dict[str, Any], value: str) -> str:
    """Suggest a valid spelling of a quantity: `1KB` for `1kB`, `512MiB` for `512 mib`, `5m` for `5 minutes`."""
    if not any(str(schema.get("title", "")).startswith(start) for start in _UNITS):
        return ""
    if len(value) > _LONGEST:
        return ""
    parts = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)(/s)?\s*", value)
    if parts is None:
        return ""
    number, unit, rate = parts[1], parts[2], parts[3] or ""
    if not unit and number.isdecimal():
        return f"write the unit: {number}{_unit(schema, int(number))}"
    for text in (f"{number}{_SPELT.get(unit.lower(), unit)}{each}" for each in (rate, "/s")):
        if _takes_text(schema, text):
            return f"write {text}"
    return ""


def _foreign_letter(value: str) -> str:
    for letter in as_written(value):
        if ord(letter) > 0x7F:
            name = unicodedata.name(letter, "nameless").lower()
            return f"{letter} is U+{ord(letter):04X}, {name}, not ASCII"
    return ""


def _lower_case(schema: dict[str, Any], value: str) -> str:
    plain = value.lower().replace(" ", "-").replace("_", "-")
    if plain != value and "pattern" in schema and python_pattern(schema["pattern"]).search(plain):
        return f"write {plain}"
    return ""


def _wrapped(schema: dict[str, Any], value: object) -> Iterator[str]:
    """Suggest a map or list with the value in it, as `{image: debian-12}` for `debian-12`, or `{}` for nothing."""
    kind, fits = schema.get("type"), build(schema)
    if value is None and kind == "object":
        if fits({}):
            yield "write its fields below it, or {} for none"
        elif required := schema.get("required"):
            yield f"write {{{', '.join(f'{key}: …' for key in required)}}}"
    elif value is None and kind == "array":
        yield "write [] for none"
    elif kind == "array" and not isinstance(value, list | dict) and fits([value]):
        yield f"write [{_plain(value)}]"
    elif kind == "object" and not isinstance(value, dict):
        known = schema.get("properties") or ({} if "additionalProperties" in schema else _FILE)
        named = "name" in schema.get("required", ())
        meant = [value, _WORDS.get(value.lower())] if isinstance(value, str) else [value]
        for key, each in (
            (key, each) for key in _SHORT if key in known for each in meant if each is not None
        ):
            if fits({key: each} | ({"name": "data"} if named else {})):
                yield f"write {{{'name: …, ' * named}{key}: {_plain(each)}}}"
        if isinstance(value, list) and "propertyNames" in schema:
            yield "names are keys: write NAME: {…}, one below the other"


def _plain(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    return str(value).lower() if isinstance(value, bool) else as_written(str(value))
