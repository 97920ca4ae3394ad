"""What a plain scalar of cloud-config is: cloud-init reads YAML 1.1 with PyYAML's SafeLoader, so that is asked."""

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

    What is no value of JSON, as a date, is `Unquoted`. Raises `ValueError` for what cloud-init can't read at all.
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
    """The value of a `!!binary`, base64. Raises `ValueError` for what is none."""
    return bytes(_constructed(f"{_CORE}binary", text))


def _tag(text: str) -> str:
    return str(_resolver.resolve(ScalarNode, text, (True, False)))  # type: ignore[no-untyped-call]


def _constructed(tag: str, text: str) -> Any:
    try:
        return _constructor.construct_object(ScalarNode(tag, text))
    except ConstructorError as error:  # `=` and `<<`, of whose tags no value can be made
        raise ValueError(str(error.problem)) from None
