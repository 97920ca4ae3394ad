"""From a file to a `LabModel`: the one way in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.core.errors import Problem, Rejected
from labctl.core.record import field, record
from labctl.core.text import printable
from labctl.host.files import local
from labctl.labfile import dependencies, parameters, reserved_names, yaml_reader
from labctl.labfile import references as references_
from labctl.labfile.absolute_path import absolute_path, unusable_reason
from labctl.labfile.address_checks import check_addresses
from labctl.labfile.cloud_config_files import CloudConfigFiles
from labctl.labfile.context import ReadContext
from labctl.labfile.document import interpolated, valid_part, without_extension_keys
from labctl.labfile.groups import Membership
from labctl.labfile.instance_names import InstanceNames
from labctl.labfile.instances import Instance, InstanceExpander, expand
from labctl.labfile.interpolate import fill_references
from labctl.labfile.model import LabModel
from labctl.labfile.networks import read_network, read_volume
from labctl.labfile.parameters import ParameterInputs
from labctl.labfile.positions import Positions
from labctl.labfile.problems import Problems
from labctl.labfile.references import Prerequisites, Scope
from labctl.labfile.vms import read_vm
from labctl.labfile.yaml_text import read_capped
from labctl.labfile.yaml_tree import Map

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labctl.labfile.interpolate import Reference
    from labctl.labfile.model import Network

__all__ = ["Loaded", "load"]

_EMPTY = ("the Labfile is empty", "`labctl init` writes one to start from")
_PARTS = ("networks", "volumes", "vms", "groups", "defaults")


@record
class Loaded:
    """A lab and what is doubtful about it.

    `references` are those such as `vms.db.back.ip`, each with the others that its value follows from. Until they are
    `filled`, what the Labfile says by them is not known.
    """

    lab: LabModel
    warnings: tuple[Problem, ...] = ()
    references: Prerequisites = field(default_factory=dict)
    _source: _ParsedLabfile | None = field(default=None, repr=False, compare=False)

    def filled(self, values: Mapping[str, str]) -> Loaded:
        """The lab with these references filled in, and judged again.

        Raises:
            Rejected: some text is not right with them, with every problem.
        """
        return self._source.judged(values) if self._source and values else self


@record
class _ParsedLabfile:
    """A Labfile that was parsed: `top`, and `found`, what was wrong with it as YAML. `name` is for messages."""

    top: Map
    found: Sequence[Problem]
    path: Path
    name: str
    sources: ParameterInputs

    def judged(self, values: Mapping[str, str]) -> Loaded:
        """Judge it all, with these references filled in.

        Raises:
            Rejected: something is wrong, with every problem.
        """
        problems = Problems(self.name)
        for problem in self.found:
            problems.add(problem)
        problems.add_tree(self.top)
        parameters_ = parameters.evaluate(self.top.get("parameters"), self.sources, problems)
        tree, references = interpolated(self.top, parameters_, problems)
        found = _lab(self, fill_references(tree, values), references, parameters_, problems)
        if found is None or len(problems):
            raise Rejected(problems.errors())
        lab, needs = found
        return Loaded(lab, problems.warnings(), needs, self)


def load(
    source: str,
    *,
    sets: Mapping[str, str] | None = None,
    params_files: Sequence[Path] = (),
    environ: Mapping[str, str] | None = None,
) -> Loaded:
    """Load a Labfile from a path, or from standard input for `-`.

    `sets` are `--set NAME=VALUE`, `params_files` are YAML maps, `environ` is searched for `LABCTL_SET_NAME`. Raises
    `Rejected` with every problem of the file, in its order.
    """
    data, path, name = _read(source)
    top, found = yaml_reader.read_yaml(data, name, empty=_EMPTY)
    if b"x-" in data:
        top = without_extension_keys(top)
    given = ParameterInputs(sets or {}, params_files, environ or {})
    return _ParsedLabfile(top, found, path, name, given).judged({})


def _read(source: str) -> tuple[bytes, Path, str]:
    """Give the content, the absolute path and the name for messages; read up to the cap."""
    path = Path.cwd() / "-" if source == "-" else Path(absolute_path(source))
    if why := unusable_reason(str(path)):
        hint = "the lab's files lie beside it: rename it, or the folder that is called so"
        raise Rejected([Problem(f"the path of {printable(source)} holds {why}", hint=hint)])
    if source == "-":
        return read_capped(sys.stdin.buffer), path, "<stdin>"
    if path.suffix == ".lock":  # the lock of a Labfile is called so, and stands beside it
        hint = "rename it, as to Labfile.yaml"
        raise Rejected(
            [Problem(f"{source} can't be a Labfile: its own lock would be written over it", hint=hint)]
        )
    try:
        with path.open("rb") as file:
            return read_capped(file), path, source
    except FileNotFoundError:
        hint = "`labctl init` writes one to start from, -f names another"
        raise Rejected([Problem(f"there is no Labfile {source}", hint=hint)]) from None
    except OSError as error:
        refused = local.failed(error, f"{source} can't be read", source)
        raise Rejected([Problem(refused.summary, hint=refused.hint)]) from None
    except ValueError as error:
        raise Rejected([Problem(f"{source} can't be read: {str(error).lower()}")]) from None


def _lab(
    source: _ParsedLabfile,
    tree: Map,
    references: Sequence[Reference],
    values: Mapping[str, Any],
    problems: Problems,
) -> tuple[LabModel, Prerequisites] | None:
    """Judge the whole file; None where too little of it is sound to go on."""
    valid = valid_part(tree, problems)
    if valid is None:
        return None
    # a name whose field is wrong still is a name: nobody who uses it did anything wrong
    names = {part: list(tree.get(part) or ()) if isinstance(tree.get(part), Map) else [] for part in _PARTS}
    part = {key: valid.get(key) or Map(valid.mark) for key in _PARTS}
    context = ReadContext(source.path.parent, problems, names["networks"], names["volumes"])
    nets = [read_network(name, each, problems) for name, each in part["networks"].items()]
    instances = _instances(part, names, context)
    vms = []
    for each in instances:
        problems.repeated = each.who.repeated
        vms.append(read_vm(context, each.tree, each.who, part["vms"]))
    problems.repeated = False
    targets = _targets(instances, names)
    connected = dependencies.connect(vms, [each.tree for each in instances], targets, problems)
    _names(valid, nets, problems)
    check_addresses(nets, part["networks"], connected, instances, problems)
    needs = references_.check(references, Scope.of(nets, part["networks"], connected, instances), problems)
    lab = LabModel(
        name=valid.get("name", ""),
        path=source.path,
        folder=source.path.parent,
        description=valid.get("description", ""),
        networks=tuple(nets),
        volumes=tuple(read_volume(name, each, problems) for name, each in part["volumes"].items()),
        vms=connected,
        groups={name: tuple(targets.groups[name]) for name in part["groups"]},
        parameters=values,
        secrets=problems.secrets,
        positions=Positions(source.top, {each.who.base: each.tree for each in instances}),
    )
    return lab, needs


def _instances(
    part: Mapping[str, Map], names: Mapping[str, list[str]], context: ReadContext
) -> list[Instance]:
    roster = InstanceNames(part["vms"], context.problems).called()
    membership = Membership(part["groups"], names["groups"], names["vms"], roster)
    for fields in part["vms"].values():
        membership.check(fields)
        for special in (fields.get("instances") or {}).values():
            membership.check(special)
    membership.check(part["defaults"])
    return expand(InstanceExpander(part["defaults"], roster, membership, CloudConfigFiles(context), context))


def _names(top: Map, nets: Sequence[Network], problems: Problems) -> None:
    """Report a lab's name that is labctl's own, and one of the lab's own networks that is called external."""
    reserved_names.report("lab", top["name"], top, "name", problems)
    for net in nets:
        lab, dot, name = (net.external or "").partition(".")
        if dot and lab == top["name"]:
            hint = f"write `networks: {{{name}: …}}`, and use {name}"
            problems.at(top["networks"][net.name], "external", f"{net.external} is this lab's own", hint)


def _targets(instances: Sequence[Instance], names: Mapping[str, list[str]]) -> dependencies.DependencyTargets:
    bases: dict[str, list[str]] = {name: [] for name in names["vms"]}
    groups: dict[str, list[str]] = {name: [] for name in names["groups"]}
    for each in instances:
        bases[each.who.base].append(each.who.name)
        for group in each.who.groups:
            groups[group].append(each.who.name)
    return dependencies.DependencyTargets(bases, groups)
