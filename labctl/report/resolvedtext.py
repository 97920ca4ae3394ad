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

_TAGS = {
    kind: f"tag:yaml.org,2002:{name}"
    for kind, name in ((str, "str"), (int, "int"), (float, "float"), (bool, "bool"), (type(None), "null"))
}
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
            yield _Line(" " * indent + _scalar(rest[0], cloud=_in_cloud_config(value)) + ":")
            yield from _lines(below, indent + INDENT)


def _entry(key: str | int | None, value: Value, indent: int) -> Iterator[_Line]:
    """The lines of a value with its key: of a text of several lines, the comment stands in the first."""
    cloud = _in_cloud_config(value)
    match key:
        case None:
            text = _yaml(value.value, cloud=cloud)
        case int():
            text = _yaml([value.value], cloud=cloud)
        case _:
            text = _yaml({key: value.value}, cloud=cloud)
    first, *rest = text.split("\n")
    layer = [value.layer] if value.layer else []
    yield _Line(" " * indent + first, ", ".join([*layer, str(value.where)]))
    yield from (_Line(" " * indent + line if line else "") for line in rest)


def _in_cloud_config(value: Value) -> bool:
    return "cloud_init" in value.path


def _scalar(key: str | int, *, cloud: bool) -> str:
    return _yaml({key: 0}, cloud=cloud).removesuffix(": 0")


def _yaml(value: object, *, cloud: bool) -> str:
    """PyYAML's text for a value, without its last newline and the end of a document."""
    import yaml

    dumper = _dumper(cloud=cloud)
    text: str = yaml.dump(value, Dumper=dumper, width=1 << 20, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


@functools.cache
def _dumper(*, cloud: bool) -> Any:
    """A writer of YAML that shows texts of several lines as such.

    What a text without quotes would be is for a Labfile to say, as `yaml12` reads it; for cloud-config, YAML 1.1 too.
    """
    import yaml

    from labctl.labfile import yaml12

    class Dumper(yaml.SafeDumper):
        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            older = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
            if kind is not yaml.ScalarNode or not implicit[0] or value == "<<":
                return older
            newer = _TAGS[type(yaml12.resolve(value))]
            return older if cloud and newer == _TAGS[str] else newer

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return Dumper
