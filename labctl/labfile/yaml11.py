"""Reads plain scalars of YAML 1.1, with PyYAML's SafeLoader, as cloud-init does with cloud-config.

`yaml12` has the rules for the rest of the Labfile.
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
_LONGEST_NUMBER = 1000  # characters: reading a longer one takes their number squared

_resolver = Resolver()
_constructor = SafeConstructor()


def resolve(text: str) -> Any:
    """Give a plain scalar's value (https://yaml.org/type/): `no` is false, `0600` is 384, `1e3` is a text.

    A value that JSON does not have, as a date, is an `Unquoted` text.

    Raises:
        ValueError: cloud-init can't read it.
    """
    tag = _tag(text)
    if tag == _TEXT:
        return text
    if len(text) > _LONGEST_NUMBER and tag in _VALUES:
        raise ValueError(f"a number of more than {_LONGEST_NUMBER:,} characters")
    value = _constructed(tag, text)
    return value if tag in _VALUES else Unquoted(text)


def key(text: str) -> str:
    """Give a plain scalar as a key of a map: a `str`, which is `Unquoted` where YAML 1.1 has another type for it."""
    return text if _tag(text) == _TEXT else Unquoted(text)


def binary(text: str) -> bytes:
    """Decode a scalar with the tag `!!binary`.

    Raises:
        ValueError: it is not base64.
    """
    return bytes(_constructed(f"{_CORE}binary", text))


def _tag(text: str) -> str:
    return str(_resolver.resolve(ScalarNode, text, (True, False)))  # type: ignore[no-untyped-call]


def _constructed(tag: str, text: str) -> Any:
    try:
        return _constructor.construct_object(ScalarNode(tag, text))
    except ConstructorError as error:  # `=` and `<<` have tags without a constructor
        raise ValueError(str(error.problem)) from None
