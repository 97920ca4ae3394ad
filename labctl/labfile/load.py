"""Loads a Labfile: `load` takes it through all steps from the file to a `LabModel`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import Problem, Rejected
from labctl.core.record import field, record
from labctl.core.redaction import Redactor
from labctl.core.text import printable
from labctl.host.files import os_errors
from labctl.labfile import reserved_names, yaml_reader
from labctl.labfile.absolute_path import absolute_path, unusable_reason
from labctl.labfile.address_checks import check_addresses
from labctl.labfile.cloud_config_files import CloudConfigFiles
from labctl.labfile.context import ReadContext
from labctl.labfile.dependencies import DependencyTargets, resolve_dependencies
from labctl.labfile.document import interpolated, valid_part, without_extension_keys
from labctl.labfile.forwards import check_forwards
from labctl.labfile.groups import Membership
from labctl.labfile.instance_names import InstanceNames
from labctl.labfile.instances import Instance, InstanceExpander
from labctl.labfile.interpolate import fill_references
from labctl.labfile.model import LabModel
from labctl.labfile.networks import read_network, read_volume
from labctl.labfile.parameters import ParameterInputs, evaluate, given_by_user
from labctl.labfile.positions import Positions
from labctl.labfile.problems import Problems
from labctl.labfile.provision import read_lab_provision
from labctl.labfile.references import Prerequisites, ReferenceTargets, check_references
from labctl.labfile.resolved import Resolved
from labctl.labfile.vms import read_vm
from labctl.labfile.yaml_text import read_capped
from labctl.labfile.yaml_tree import Map

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labctl.labfile.interpolate import Reference
    from labctl.labfile.model import Network, ProvisionStep, Vm
    from labctl.labfile.parameters import Parameters

__all__ = ["Loaded", "load"]

_EMPTY = ("the Labfile is empty", "`labctl init` writes one to start from")
_SECTIONS = ("networks", "volumes", "vms", "groups", "defaults")


@record
class Loaded:
    """A lab that was loaded, with the warnings about its Labfile.

    `references` are the names such as `vms.db.back.ip` that texts of the Labfile refer to, each with the references
    that have to be filled in before its own value is known.
    """

    lab: LabModel
    warnings: tuple[Problem, ...] = ()
    references: Prerequisites = field(default_factory=dict)
    resolved: Resolved | None = field(
        default=None, repr=False, compare=False
    )  # None where there is no Labfile
    _parsed: _ParsedLabfile | None = field(default=None, repr=False, compare=False)

    def with_references(self, values: Mapping[str, str]) -> Loaded:
        """Load the same Labfile again with these values of references filled in.

        Raises:
            Rejected: a text with a filled-in value is wrong; the error has all problems.
        """
        return self._parsed.build(values) if self._parsed and values else self


@record
class _ParsedLabfile:
    """A Labfile that was read as YAML, and all else that the lab is made from."""

    top: Map
    yaml_problems: Sequence[Problem]
    path: Path  # absolute
    name: str  # the file's name for messages
    inputs: ParameterInputs
    redactor: Redactor
    files: set[Path]

    def build(self, values: Mapping[str, str]) -> Loaded:
        """Check the Labfile and make the lab, with these values of references filled in.

        Raises:
            Rejected: the Labfile is wrong; the error has all problems.
        """
        problems = Problems(self.name, self.redactor)
        for problem in self.yaml_problems:
            problems.add(problem)
        problems.add_tree(self.top)
        parameters = evaluate(self.top.get("parameters"), self.inputs, problems)
        tree, references = interpolated(self.top, parameters, problems)
        built = _build_lab(self, fill_references(tree, values), references, parameters, problems)
        if built is None or len(problems):
            raise problems.rejected()
        lab, prerequisites, resolved = built
        return Loaded(lab, problems.warnings(), prerequisites, resolved, self)


def load(  # noqa: PLR0913  # what a lab is made from, by keyword
    source: str,
    *,
    sets: Mapping[str, str] | None = None,
    params_files: Sequence[Path] = (),
    environ: Mapping[str, str] | None = None,
    redactor: Redactor | None = None,
    files: set[Path] | None = None,
) -> Loaded:
    """Load a Labfile from a path, or from standard input for `-`.

    Args:
        source: the path of the Labfile, or `-`.
        sets: parameter values from `--set NAME=VALUE`.
        params_files: YAML files with a map of parameter values.
        environ: the environment, whose variables `LABCTL_SET_NAME` are parameter values.
        redactor: is given the values of secret parameters as soon as they are known.
        files: is given the paths of all files that the lab is made from as soon as they are known, missing ones too.

    Raises:
        Rejected: the Labfile is wrong; the error has all problems, in the order of the file.
    """
    made_from = set() if files is None else files
    if source != "-":
        made_from.add(Path(absolute_path(source)))
    made_from.update(each.absolute() for each in params_files)
    data, path, name = _read(source)
    top, found = yaml_reader.read_yaml(data, name, empty=_EMPTY)
    if b"x-" in data:
        top = without_extension_keys(top)
    inputs = ParameterInputs(sets or {}, params_files, environ or {})
    return _ParsedLabfile(top, found, path, name, inputs, redactor or Redactor(), made_from).build({})


def _read(source: str) -> tuple[bytes, Path, str]:
    """Give the content up to the size limit, the absolute path, and the name for messages."""
    path = Path.cwd() / "-" if source == "-" else Path(absolute_path(source))
    if why := unusable_reason(str(path)):
        hint = "the lab's files lie beside it: rename it, or the folder that is called so"
        raise Rejected([Problem(f"the path of {printable(source)} holds {why}", hint=hint)])
    if source == "-":
        return read_capped(sys.stdin.buffer), path, "<stdin>"
    if path.suffix == ".lock":  # Labfile.lock pins the images of Labfile.yaml in the same folder
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
        refused = os_errors.as_labctl_error(error, f"{source} can't be read", source)
        raise Rejected([Problem(refused.summary, hint=refused.hint)]) from None
    except ValueError as error:
        raise Rejected([Problem(f"{source} can't be read: {str(error).lower()}")]) from None


def _build_lab(
    parsed: _ParsedLabfile,
    tree: Map,
    references: Sequence[Reference],
    parameters: Parameters,
    problems: Problems,
) -> tuple[LabModel, Prerequisites, Resolved] | None:
    """Build the lab from a tree with parameters filled in; None where too little of the tree is valid."""
    if (valid := valid_part(tree, problems)) is None:
        return None
    names = _names(tree)
    sections = {key: valid.get(key) or Map(valid.mark) for key in _SECTIONS}
    context = _context(parsed, names, problems)
    nets = [read_network(name, each, problems) for name, each in sections["networks"].items()]
    instances = _instances(sections, names, context)
    targets = _targets(instances, names)
    vms = _read_vms(instances, sections["vms"], targets, context)
    _check_names(valid, nets, problems)
    check_addresses(nets, sections["networks"], vms, instances, problems)
    check_forwards(nets, vms, instances, problems)
    known = ReferenceTargets.of(nets, sections["networks"], vms, instances)
    prerequisites = check_references(references, known, problems)
    lab = LabModel(
        name=valid.get("name", ""),
        path=parsed.path,
        folder=context.folder,
        description=valid.get("description", ""),
        warm=valid.get("warm", False),
        networks=tuple(nets),
        volumes=tuple(read_volume(name, each, problems) for name, each in sections["volumes"].items()),
        vms=vms,
        provision=_lab_provision(context, valid, vms, targets),
        **_groups(sections["groups"], targets),
        parameters=parameters.values,
        secrets=parameters.secret,
        outside=context.outside,
        written=context.written,
        positions=Positions(parsed.top, {each.identity.base: each.tree for each in instances}),
    )
    return lab, prerequisites, Resolved(valid, instances, vms, lab.groups, parameters)


def _context(parsed: _ParsedLabfile, names: Mapping[str, list[str]], problems: Problems) -> ReadContext:
    folder = parsed.path.parent
    return ReadContext(
        folder,
        problems,
        names["networks"],
        names["volumes"],
        given_by_user(parsed.inputs, folder),
        parsed.path.name,
        files=parsed.files,
    )


def _names(tree: Map) -> dict[str, list[str]]:
    """The names of each section, with those whose definition is wrong: to use such a name is no mistake."""
    return {key: list(tree.get(key) or ()) if isinstance(tree.get(key), Map) else [] for key in _SECTIONS}


def _lab_provision(
    context: ReadContext, top: Map, vms: Sequence[Vm], targets: DependencyTargets
) -> tuple[ProvisionStep, ...]:
    """Read the steps of the whole lab, after which all files that steps copy or fetch are known."""
    steps = read_lab_provision(context, top, vms, targets)
    context.report_missing_copies()
    context.forget_fetched_files()
    return steps


def _groups(groups: Map, targets: DependencyTargets) -> dict[str, dict[str, tuple[str, ...]]]:
    """Give the fields of a lab that are about groups: their instances, and what they name."""
    return {
        "groups": {name: tuple(targets.groups[name]) for name in groups},
        "children": {name: tuple(each.get("children") or ()) for name, each in groups.items()},
    }


def _read_vms(
    instances: Sequence[Instance], holder: Map, targets: DependencyTargets, context: ReadContext
) -> tuple[Vm, ...]:
    vms = []
    for each in instances:
        context.problems.repeated = each.identity.repeated
        vms.append(read_vm(context, each.tree, each.identity, holder))
    context.problems.repeated = False
    return resolve_dependencies(vms, [each.tree for each in instances], targets, context.problems)


def _instances(
    sections: Mapping[str, Map], names: Mapping[str, list[str]], context: ReadContext
) -> list[Instance]:
    instance_names = InstanceNames(sections["vms"], context.problems).assigned()
    membership = Membership(sections["groups"], names["groups"], names["vms"], instance_names)
    for fields in sections["vms"].values():
        membership.check(fields)
        for special in (fields.get("instances") or {}).values():
            membership.check(special)
    defaults = sections["defaults"]
    membership.check(defaults)
    configs = CloudConfigFiles(context)
    return InstanceExpander(defaults, instance_names, membership, configs, context).all_instances()


def _check_names(top: Map, nets: Sequence[Network], problems: Problems) -> None:
    """Report a reserved name of the lab, and a network of this lab that is declared as external."""
    reserved_names.report("lab", top["name"], top, "name", problems)
    for net in nets:
        lab, dot, name = (net.external or "").partition(".")
        if dot and lab == top["name"]:
            hint = f"write `networks: {{{name}: …}}`, and use {name}"
            problems.at(top["networks"][net.name], "external", f"{net.external} is this lab's own", hint)


def _targets(instances: Sequence[Instance], names: Mapping[str, list[str]]) -> DependencyTargets:
    bases: dict[str, list[str]] = {name: [] for name in names["vms"]}
    groups: dict[str, list[str]] = {name: [] for name in names["groups"]}
    for each in instances:
        bases[each.identity.base].append(each.identity.name)
        for group in each.identity.groups:
            groups[group].append(each.identity.name)
    return DependencyTargets(bases, groups)
