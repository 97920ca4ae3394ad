"""Decodes the bytes of a YAML document, and words the errors of libyaml's parser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labctl.core.errors import Position, Problem, Rejected

if TYPE_CHECKING:
    from typing import BinaryIO

    import yaml

__all__ = ["CONTROL", "MAX_BYTES", "MAX_DEPTH", "TOO_DEEP", "decode", "read_capped", "syntax_problem"]

MAX_BYTES = 1 << 20
MAX_DEPTH = 64

# What YAML allows in a stream (https://yaml.org/spec/1.2.2/#51-character-set), without the C1 controls.
CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_capped(file: BinaryIO) -> bytes:
    """Read a file up to the limit, and one byte more, by which `decode` sees that the file is too large."""
    return file.read(MAX_BYTES + 1)


def decode(data: bytes, file: str) -> str:
    """Decode the text of a document.

    Raises:
        Rejected: the file is too large, is not UTF-8 or holds a control character.
    """
    if len(data) > MAX_BYTES:
        where = _place(data[:MAX_BYTES].decode("utf-8", "replace"), file)
        raise Rejected([Problem("the file goes on beyond 1 MB, the most that is read", where=where)])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = _place(data[: error.start].decode("utf-8", "replace"), file)
        raise Rejected([Problem("this is not UTF-8", where=where, hint="save the file as UTF-8")]) from None
    if control := CONTROL.search(text):
        where = _place(text[: control.start()], file)
        raise Rejected(
            [Problem(f"the control character U+{ord(control[0]):04X} is not allowed", where=where)]
        )
    return text


def _place(before: str, file: str) -> Position:
    return Position(file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)


TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
# Newer versions of libyaml have a limit of their own, and reach it first since they read ahead.
_LIBYAML_TOO_DEEP = "exceeded maximum nesting depth"
_CAUSES = {
    "found character that cannot start any token": "this character can't start a value",
    "mapping values are not allowed in this context": "a `:` is not expected here",
    "found undefined alias": "no anchor of this name stands before",
}


def syntax_problem(error: yaml.MarkedYAMLError, file: str, text: str) -> Problem:
    """Turn an error of libyaml's parser into a problem, with a hint for common mistakes."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    if error.problem == _LIBYAML_TOO_DEEP:
        return Problem(TOO_DEEP, where=Position(file, line + 1, column + 1))
    lines = text.split("\n")
    written = lines[line] if line < len(lines) else ""
    summary, hint = _CAUSES.get(error.problem or "", error.problem or "this is not YAML"), ""
    if written[column : column + 1] == "\t" or written[:column].strip(" ") == "\t":
        summary, hint = "a tab can't indent", "YAML takes spaces only"
    elif "${" in written and re.search(r"[{,\[:]\s*\$\{", written):
        name = re.search(r"\$\{[^}]*\}?", written)
        hint = f'inside {{…}} and […] quote it: "{name[0]}"' if name else ""
    elif written[column : column + 1] in {"@", "`", "%", "&", "*", "!"} or ": " in written[column:]:
        hint = "quote the value if this character belongs to it"
    return Problem(f"not YAML: {summary}", where=Position(file, line + 1, column + 1), hint=hint)
