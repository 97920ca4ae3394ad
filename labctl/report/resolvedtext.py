"""Writes values of a Labfile as YAML, each with the layer and the place that it is from as a comment."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Any

from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labctl.labfile.resolved import Value
    from labctl.report.colour import Paint

COLUMN = 40  # where comments stand, if the lines before them are shorter
INDENT = 2


@record
class _Line:
    """A line of YAML, with the comment that follows it."""

    text: str
    comment: str = ""


def render(values: Iterable[Value], depth: int, paint: Paint) -> str:
    """The YAML of values that share the first `depth` parts of their paths, which are left out."""
    lines = list(_lines([(value.path[depth:], value) for value in values], 0))
    room = [len(line.text) for line in lines if line.comment and len(line.text) <= COLUMN]
    column = max(room, default=0)
    return "\n".join(_commented(line, column, paint) for line in lines)


def _commented(line: _Line, column: int, paint: Paint) -> str:
    return f"{line.text:<{column}}  {paint.dim(f'# {line.comment}')}" if line.comment else line.text


def _lines(values: Sequence[tuple[tuple[str | int, ...], Value]], indent: int) -> Iterator[_Line]:
    """The lines of values below one node; `values` have the rest of their paths."""
    for _, group in itertools.groupby(values, lambda each: each[0][:1]):
        same = list(group)
        rest, value = same[0]
        if len(rest) <= 1:
            yield from _entry(rest[0] if rest else None, value, indent)
            continue
        below = [(path[1:], each) for path, each in same]
        if isinstance(rest[0], int):
            first, *others = _lines(below, indent + INDENT)
            yield _Line(f"{' ' * indent}- {first.text[indent + INDENT :]}", first.comment)
            yield from others
        else:
            yield _Line(" " * indent + _scalar(rest[0]) + ":")
            yield from _lines(below, indent + INDENT)


def _entry(key: str | int | None, value: Value, indent: int) -> Iterator[_Line]:
    """The lines of a value with its key: of a text of several lines, the comment stands in the first."""
    match key:
        case None:
            text = _yaml(value.value)
        case int():
            text = _yaml([value.value])
        case _:
            text = _yaml({key: value.value})
    first, *rest = text.split("\n")
    layer = [value.layer] if value.layer else []
    yield _Line(" " * indent + first, ", ".join([*layer, str(value.where)]))
    yield from (_Line(" " * indent + line if line else "") for line in rest)


def _scalar(key: str | int) -> str:
    return _yaml({key: 0}).removesuffix(": 0")


def _yaml(value: object) -> str:
    """PyYAML's text for a value, without its last newline and the end of a document."""
    import yaml

    text: str = yaml.dump(value, Dumper=_dumper(), width=1 << 20, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


@functools.cache
def _dumper() -> Any:
    """A writer of YAML that shows texts of several lines as such."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return Dumper
