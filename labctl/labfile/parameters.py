"""Reads the declarations of the Labfile's parameters, and the values that this run gives them."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

from labctl.core.errors import Problem, Rejected
from labctl.core.record import field, record
from labctl.labfile import reserved_names, validate, yaml12, yaml_reader
from labctl.labfile.problems import Problems, did_you_mean
from labctl.labfile.yaml_text import CONTROL, read_capped
from labctl.labfile.yaml_tree import Map, entry_mark, key_position, value_position

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["ParameterInputs", "evaluate", "given_by_user"]

ENVIRONMENT = "LABCTL_SET_"
_CONSTRAINTS = {"minimum": ("integer", "number"), "maximum": ("integer", "number"), "pattern": ("string",)}
_KINDS = {"string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}


@record
class ParameterInputs:
    """The sources of parameter values besides the defaults. `sets` (`--set`) win over `environ`, that over `files`."""

    sets: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[Path] = ()
    environ: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def contents(self) -> list[tuple[Map, Sequence[Problem]]]:
        """The content of the files, with the problems in each. They are read once, since a file may be a pipe."""
        return [_file(path) for path in self.files]


def given_by_user(inputs: ParameterInputs, folder: Path) -> frozenset[str]:
    """The texts that the user gave as values of parameters. Files in the Labfile's folder came with the Labfile."""
    texts = [*inputs.sets.values()]
    texts += [text for name, text in inputs.environ.items() if name.startswith(ENVIRONMENT)]
    for path, (tree, _) in zip(inputs.files, inputs.contents, strict=True):
        if not path.resolve().is_relative_to(folder.resolve()):
            texts += [value for value in tree.values() if isinstance(value, str)]
    return frozenset(texts)


class _WrongError(Exception):
    """A parameter does not accept a value."""


def evaluate(declared: object, inputs: ParameterInputs, problems: Problems) -> dict[str, Any]:
    """Give the value of each declared parameter. A value that is missing or wrong is None, and reported.

    The values of secret parameters are given to `problems`, which redacts them in all messages.
    """
    known = declared if isinstance(declared, Map) else Map(("", 1, 1, 1, 1))
    sound = {name: entry for name, entry in known.items() if validate.is_valid(entry, "parameter")}
    values: dict[str, Any] = dict.fromkeys(known)
    secret = {name for name, entry in sound.items() if entry.get("secret")}
    for name, entry in sound.items():
        _declaration(known, name, entry, problems)
        if "default" in entry and name not in secret:
            values[name] = _default(entry, problems)
    given = _given(known, inputs, problems)
    problems.secrets = tuple(str(given[name][1]) for name in secret if name in given)
    for name, (where, raw, holder) in given.items():
        if name in sound:
            try:
                values[name] = _checked(sound[name], _typed(sound[name], raw) if holder is None else raw)
            except _WrongError as error:
                shown = "" if name in secret else f", got {raw}"
                place = value_position(entry_mark(holder, name)) if holder is not None else None
                problems.add(Problem(f"{error}{shown}", where, place))
    for name, entry in sound.items():
        if name not in given and "default" not in entry:
            hint = (
                f"give it by --set {name}=…"
                if name not in secret
                else f"give it by {_variable(name)} or --params"
            )
            problems.at_key(known, name, "this parameter needs a value", hint)
    return values


def _declaration(known: Map, name: str, entry: Map, problems: Problems) -> None:
    reserved_names.report("parameter", name, known, name, problems)
    if entry.get("secret") and "default" in entry:
        problems.at(
            entry, "default", "a secret can't have a default", "leave it out: the value is given at each run"
        )
    kind = entry.get("type", "string")
    for key, kinds in _CONSTRAINTS.items():
        if key in entry and kind not in kinds:
            problems.at_key(entry, key, f"{key} says nothing of {_KINDS[kind]}", f"it goes with {kinds[0]}")
    for index, choice in enumerate(entry.get("choices") or ()):
        if not _fits(kind, choice):
            problems.at(entry["choices"], index, f"expected {_KINDS[kind]}, got {choice}")
    if "pattern" in entry:
        try:
            re.compile(entry["pattern"])
        except re.error as error:
            problems.at(entry, "pattern", f"not a regular expression: {error.msg}")


def _default(entry: Map, problems: Problems) -> Any:
    value = entry["default"]
    if isinstance(value, str) and "${" in value.replace("$${", ""):
        problems.at(entry, "default", "a default can't refer to other values")
        return None
    try:
        return _checked(entry, value.replace("$${", "${") if isinstance(value, str) else value)
    except _WrongError as error:
        hint = "quote it to make it a text" if entry.get("type", "string") == "string" else ""
        problems.at(entry, "default", f"{error}, got {value}", hint if not isinstance(value, str) else "")
        return None


def _given(known: Map, inputs: ParameterInputs, problems: Problems) -> dict[str, tuple[str, Any, Map | None]]:
    """Collect the values from outside the Labfile, for each parameter the one that wins.

    A value comes with the words for its source, as `--set NAME`, and with the map of the file that it is from, if any.
    """
    given = _given_in_files(known, inputs, problems)
    variables = {_variable(name): name for name in known}
    for variable, text in inputs.environ.items():
        if variable in variables:
            given[variables[variable]] = (variable, text, None)
        elif variable.startswith(ENVIRONMENT):
            hint = did_you_mean(variable, variables)
            problems.add(Problem("the Labfile has no such parameter", variable, None, hint, "warning"))
    for name, text in inputs.sets.items():
        if name in known:
            given[name] = (f"--set {name}", text, None)
        else:
            problems.add(
                Problem("the Labfile has no such parameter", f"--set {name}", None, did_you_mean(name, known))
            )
    return given


def _given_in_files(
    known: Map, inputs: ParameterInputs, problems: Problems
) -> dict[str, tuple[str, Any, Map | None]]:
    given: dict[str, tuple[str, Any, Map | None]] = {}
    for tree, found in inputs.contents:
        for problem in found:
            problems.add(problem)
        for name in tree:
            if name in known:
                given[name] = (name, tree[name], tree)
            elif not name.startswith("x-"):
                place = key_position(entry_mark(tree, name))
                problems.add(
                    Problem(f"the Labfile has no parameter {name}", name, place, did_you_mean(name, known))
                )
    return given


def _file(path: Path) -> tuple[Map, Sequence[Problem]]:
    try:
        with path.open("rb") as file:
            return yaml_reader.read_yaml(read_capped(file), str(path))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        found: Sequence[Problem] = [Problem(f"can't be read: {why}", f"--params {path}")]
    except Rejected as error:
        found = error.problems
    return Map((str(path), 1, 1, 1, 1)), found


def _variable(name: str) -> str:
    return ENVIRONMENT + name.upper().replace("-", "_")


def _typed(entry: Map, text: str) -> Any:
    """Read a value from the command line or the environment."""
    kind = entry.get("type", "string")
    value = text if kind == "string" else yaml12.resolve(text.strip())
    return text if (value is None) else value


def _checked(entry: Map, value: Any) -> Any:
    kind = entry.get("type", "string")
    if not _fits(kind, value):
        raise _WrongError(f"expected {_KINDS[kind]}")
    if kind == "string" and not value.isprintable() and _controls(value):
        raise _WrongError("control characters are not allowed")
    if kind == "integer":
        value = int(value)
    if kind in {"integer", "number"} and "minimum" in entry and value < entry["minimum"]:
        raise _WrongError(f"expected at least {entry['minimum']}")
    if kind in {"integer", "number"} and "maximum" in entry and value > entry["maximum"]:
        raise _WrongError(f"expected at most {entry['maximum']}")
    if "choices" in entry and value not in entry["choices"]:
        raise _WrongError(f"expected one of {', '.join(map(str, entry['choices']))}")
    if kind == "string" and "pattern" in entry and not _matches(entry["pattern"], value):
        raise _WrongError(f"expected a text that matches {entry['pattern']}")
    return value


def _controls(value: str) -> bool:
    return CONTROL.search(value) is not None


def _fits(kind: str, value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return {
        "string": isinstance(value, str),
        "integer": number and float(value).is_integer(),
        "number": number,
        "boolean": isinstance(value, bool),
    }[kind]


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:
        return True  # the pattern itself has been reported
