"""Reads the declarations of the Labfile's parameters, and the values that this run gives them."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from labctl.core.errors import Problem, Rejected
from labctl.core.record import field, record
from labctl.core.redaction import SHORTEST
from labctl.labfile import patterns, reserved_names, validate, yaml12, yaml_reader
from labctl.labfile.patterns import Search
from labctl.labfile.problems import Problems, did_you_mean
from labctl.labfile.yaml_text import CONTROL, read_capped
from labctl.labfile.yaml_tree import Map, entry_mark, key_position, value_position

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from labctl.core.errors import Position

__all__ = ["ParameterInputs", "Parameters", "evaluate", "given_by_user"]

ENVIRONMENT = "LABCTL_SET_"
_CONSTRAINTS = {"minimum": ("integer", "number"), "maximum": ("integer", "number"), "pattern": ("string",)}
_SIMPLER = "write it without a repetition of a repetition: (a+)+ is one"
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


@record
class Parameters:
    """The values of parameters by name, the names of the secret ones, and where values from outside are from."""

    values: dict[str, Any]
    secret: frozenset[str] = frozenset()
    given: Mapping[str, tuple[str, Position | None]] = field(default_factory=dict)


def evaluate(declared: object, inputs: ParameterInputs, problems: Problems) -> Parameters:
    """Give the value of each declared parameter. A value that is missing or wrong is None, and reported.

    The values of secret parameters are given to `problems`, which masks them in all messages.
    """
    known = declared if isinstance(declared, Map) else Map(("", 1, 1, 1, 1))
    sound = {name: entry for name, entry in known.items() if validate.is_valid(entry, "parameter")}
    values: dict[str, Any] = dict.fromkeys(known)
    secret = frozenset(name for name, entry in sound.items() if entry.get("secret"))
    for name, entry in sound.items():
        _declaration(known, name, entry, problems)
        if "default" in entry and name not in secret:
            values[name] = _default(entry, problems)
    given = _given(known, inputs, problems)
    problems.redactor.add(*(str(given[name].raw) for name in secret if name in given))
    for name in (each for each in sound if each in given):
        values[name] = _taken(sound[name], given[name], problems)
    for name, entry in sound.items():
        if name not in given and "default" not in entry:
            hint = (
                f"give it by --set {name}=…"
                if name not in secret
                else f"give it by {_variable(name)} or --params"
            )
            problems.at_key(known, name, "this parameter needs a value", hint)
    _check_patterns(sound, values, given, problems)
    sources = {
        name: (each.source if each.holder is None else "--params", each.place) for name, each in given.items()
    }
    return Parameters(values, secret, sources)


def _taken(entry: Map, given: _Given, problems: Problems) -> Any:
    """The value that was given; None where the parameter does not accept it."""
    shown = "" if entry.get("secret") else f", got {given.raw}"
    try:
        value = _checked(entry, _typed(entry, given.raw) if given.holder is None else given.raw)
    except _WrongError as error:
        problems.add(Problem(f"{error}{shown}", given.source, given.place))
        return None
    if entry.get("secret"):
        problems.redactor.add(str(value))
        if len(str(value)) < SHORTEST:
            summary = f"a secret has at least {SHORTEST} characters: shorter ones can't be masked in messages"
            problems.add(Problem(summary, given.source, given.place))
            return None
    return value


def _check_patterns(
    sound: Mapping[str, Map], values: dict[str, Any], given: Mapping[str, _Given], problems: Problems
) -> None:
    """Report patterns that are wrong, and values that don't match them."""
    asked = {name: entry for name, entry in sound.items() if "pattern" in entry}
    searches = [
        Search(entry["pattern"], values[name] if isinstance(values[name], str) else None)
        for name, entry in asked.items()
    ]
    found = patterns.results(tuple(searches))
    for (name, entry), result in zip(asked.items(), found, strict=False):
        if isinstance(result, str):
            problems.at(entry, "pattern", f"not a regular expression: {result}")
        elif not result:
            summary = f"expected a text that matches {entry['pattern']}"
            shown = "" if entry.get("secret") else f", got {values[name]}"
            if name in given:
                problems.add(Problem(f"{summary}{shown}", given[name].source, given[name].place))
            else:
                problems.at(entry, "default", f"{summary}{shown}")
            values[name] = None
    for name in list(asked)[len(found) :][:1]:
        problems.at(asked[name], "pattern", "it takes too long to look for this pattern", _SIMPLER)


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


@record
class _Given:
    """A value from outside the Labfile, with the words for its source, as `--set NAME`.

    `holder` is the map of the file that it is from, and `place` where it stands there.
    """

    source: str
    raw: Any
    holder: Map | None = None
    place: Position | None = None


def _given(known: Map, inputs: ParameterInputs, problems: Problems) -> dict[str, _Given]:
    """Collect the values from outside the Labfile, for each parameter the one that wins."""
    given = _given_in_files(known, inputs, problems)
    variables = {_variable(name): name for name in known}
    for variable, text in inputs.environ.items():
        if variable in variables:
            given[variables[variable]] = _Given(variable, text)
        elif variable.startswith(ENVIRONMENT):
            hint = did_you_mean(variable, variables)
            problems.add(Problem("the Labfile has no such parameter", variable, None, hint, "warning"))
    for name, text in inputs.sets.items():
        if name in known:
            given[name] = _Given(f"--set {name}", text)
        else:
            problems.add(
                Problem("the Labfile has no such parameter", f"--set {name}", None, did_you_mean(name, known))
            )
    return given


def _given_in_files(known: Map, inputs: ParameterInputs, problems: Problems) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    for tree, found in inputs.contents:
        for problem in found:
            problems.add(problem)
        for name in tree:
            if name in known:
                given[name] = _Given(name, tree[name], tree, value_position(entry_mark(tree, name)))
            elif not name.startswith("x-"):
                place = key_position(entry_mark(tree, name))
                problem = Problem(f"the Labfile has no parameter {name}", name, place)
                problems.add(problem, partial(did_you_mean, name, known))
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
