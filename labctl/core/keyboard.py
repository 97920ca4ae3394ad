"""Keys by their names, as codes of Linux (linux/input-event-codes.h), and texts as keys of a US keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.closest_matches import closest_matches
from labctl.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Chord = tuple[int, ...]  # keys that are pressed together

_SHIFT = 42
_ROWS = {2: "1234567890-=", 16: "qwertyuiop[]", 30: "asdfghjkl;'`", 43: "\\zxcvbnm,./"}
_PLAIN = {char: first + at for first, row in _ROWS.items() for at, char in enumerate(row)} | {
    " ": 57,
    "\n": 28,
    "\t": 15,
}
_SHIFTED = dict(zip('!@#$%^&*()_+{}:"~|<>?', "1234567890-=[];'`\\,./", strict=True))
_NAMED = {
    "esc": 1,
    "backspace": 14,
    "tab": 15,
    "enter": 28,
    "ctrl": 29,
    "shift": 42,
    "alt": 56,
    "space": 57,
    "capslock": 58,
    **{f"f{number}": 58 + number for number in range(1, 11)},
    "f11": 87,
    "f12": 88,
    "numlock": 69,
    "scrolllock": 70,
    "rightctrl": 97,
    "sysrq": 99,
    "altgr": 100,
    "home": 102,
    "up": 103,
    "pageup": 104,
    "left": 105,
    "right": 106,
    "end": 107,
    "down": 108,
    "pagedown": 109,
    "insert": 110,
    "delete": 111,
    "pause": 119,
    "meta": 125,
    "menu": 127,
    "minus": 12,
    "power": 116,
}
_ALIASES = {
    "escape": "esc",
    "return": "enter",
    "control": "ctrl",
    "del": "delete",
    "ins": "insert",
    "super": "meta",
    "win": "meta",
    "print": "sysrq",
}
NAMES = (*_NAMED, *_ALIASES, *(char for char in _PLAIN if char.isalnum()))


def named(words: Iterable[str]) -> list[Chord]:
    """The keys of words such as `enter`, `a` or `ctrl-alt-delete`.

    Raises:
        UsageError: there is no such key, which is told of all of them.
    """
    chords, wrong = [], []
    for word in words:
        codes = []
        for name in [word] if word == "-" else word.lower().split("-"):
            code = _NAMED.get(_ALIASES.get(name, name)) or _PLAIN.get(name)
            if code is None or name in " \n\t":
                wrong.append(_unknown(name, word))
            else:
                codes.append(code)
        chords.append(tuple(codes))
    if wrong:
        raise UsageError(
            "\n".join(wrong), hint="a key is `enter`, `f1`, `a` or `ctrl-alt-delete`; --text types a text"
        )
    return chords


def typed(text: str) -> Iterator[Chord]:
    """The keys that type a text on a US keyboard.

    Raises:
        UsageError: it has characters that are not on it.
    """
    if strange := sorted(
        {each for each in text if not (each in _PLAIN or each in _SHIFTED or _is_upper(each))}
    ):
        raise UsageError(f"a US keyboard does not have {' '.join(map(repr, strange))}")
    for char in text:
        if char in _PLAIN:
            yield (_PLAIN[char],)
        else:
            yield _SHIFT, _PLAIN[_SHIFTED.get(char, char.lower())]


def _is_upper(char: str) -> bool:
    return char.isascii() and char.isupper()


def _unknown(name: str, word: str) -> str:
    near = closest_matches(name, NAMES, count=3)
    where = f" in {word}" if name != word else ""
    return f"there is no key {name or '(nothing)'}{where}" + (
        f" (did you mean {', '.join(near)}?)" if near else ""
    )
