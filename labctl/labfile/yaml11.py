"""What plain scalars are in YAML 1.1, as cloud-init reads cloud-config: with PyYAML's SafeLoader, which is asked here.

`scalars` has the rules of YAML 1.2, for the rest of the Labfile.
"""

from __future__ import annotations

from typing import Any

from yaml.constructor import ConstructorError, SafeConstructor
from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

from labctl.core.unquoted import Unquoted

__all__ = ["binary", "resolve"]

_CORE = "tag:yaml.org,2002:"
_VALUES = frozenset({f"{_CORE}{name}" for name in ("null", "bool", "int", "float")})
_TEXT = f"{_CORE}str"

_resolver = Resolver()
_constructor = SafeConstructor()


def resolve(text: str) -> Any:
    """Give a plain scalar's value (https://yaml.org/type/): `no` is false, `0600` is 384, `1e3` is a text.

    A value that JSON does not have, as a date, is `Unquoted`. Raises `ValueError` for what cloud-init can't read.
    """
    tag = _tag(text)
    if tag == _TEXT:
        return text
    value = _constructed(tag, text)
    return value if tag in _VALUES else Unquoted(text)


def key(text: str) -> str:
    """A plain scalar as a map's key, `<<` aside. It stays a `str`, whatever cloud-init makes of it."""
    return text if _tag(text) == _TEXT else Unquoted(text)


def binary(text: str) -> bytes:
    """The value of a `!!binary`, which is base64. Raises `ValueError` where it is not."""
    return bytes(_constructed(f"{_CORE}binary", text))


def _tag(text: str) -> str:
    return str(_resolver.resolve(ScalarNode, text, (True, False)))  # type: ignore[no-untyped-call]


def _constructed(tag: str, text: str) -> Any:
    try:
        return _constructor.construct_object(ScalarNode(tag, text))
    except ConstructorError as error:  # `=` and `<<`, of whose tags no value can be made
        raise ValueError(str(error.problem)) from None
