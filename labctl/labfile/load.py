"""From a file to a `Lab`: the one way in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import Problem, Rejected
from labctl.core.record import record
from labctl.host import local
from labctl.labfile import dependencies, parameters, reserved
from labctl.labfile.check import check_addresses, check_references
from labctl.labfile.disks import Site
from labctl.labfile.document import interpolated, sound, without_own_keys
from labctl.labfile.documents import Documents, content, is_public
from labctl.labfile.groups import Membership
from labctl.labfile.instances import Expansion, Instance, expand
from labctl.labfile.layers import CloudConfigs
from labctl.labfile.model import Lab
from labctl.labfile.networks import read_network, read_volume
from labctl.labfile.parameters import Sources
from labctl.labfile.place import place
from labctl.labfile.positions import Positions
from labctl.labfile.problems import Problems
from labctl.labfile.roster import Roster
from labctl.labfile.tree import Map
from labctl.labfile.vms import read_vm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labctl.labfile.model import Network

__all__ = ["Loaded", "load"]

_PARTS = ("networks", "volumes", "vms", "groups", "defaults")


@record
class Loaded:
    """A lab and what is doubtful about it."""

    lab: Lab
    warnings: tuple[Problem, ...] = ()


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
    data, path, name, public = _read(source)
    problems = Problems(name)
    with Documents(str(path) if public else None) as documents:
        top, found = documents.read(data, name, keep=public, empty="the Labfile is empty")
        for problem in found:
            problems.add(problem)
        if b"x-" in data:
            top = without_own_keys(top)
        problems.know(top)
        lab = _lab(top, path, Sources(sets or {}, params_files, environ or {}), problems, documents)
    if lab is None or len(problems):
        raise Rejected(problems.errors())
    return Loaded(lab, problems.warnings())


def _read(source: str) -> tuple[bytes, Path, str, bool]:
    """Give the content, the absolute path, the name for messages, and whether it may be kept; read up to the cap."""
    if source == "-":
        return content(sys.stdin.buffer), Path.cwd() / "-", "<stdin>", False
    path = Path(source)
    if path.suffix == ".lock":  # the lock of a Labfile is called so, and stands beside it
        hint = "rename it, as to Labfile.yaml"
        raise Rejected(
            [Problem(f"{source} can't be a Labfile: its own lock would be written over it", hint=hint)]
        )
    try:
        with path.open("rb") as file:
            return content(file), Path(place(path)), source, is_public(file)
    except FileNotFoundError:
        hint = "`labctl init` writes one to start from, -f names another"
        raise Rejected([Problem(f"there is no Labfile {source}", hint=hint)]) from None
    except OSError as error:
        refused = local.failed(error, f"{source} can't be read", source)
        raise Rejected([Problem(refused.summary, hint=refused.hint)]) from None
    except ValueError as error:
        raise Rejected([Problem(f"{source} can't be read: {str(error).lower()}")]) from None


def _lab(top: Map, path: Path, sources: Sources, problems: Problems, documents: Documents) -> Lab | None:
    """Judge the whole file; None where too little of it is sound to go on."""
    values = parameters.evaluate(top.get("parameters"), sources, problems)
    tree, references = interpolated(top, values, problems)
    valid = sound(tree, problems)
    if valid is None:
        return None
    # a name whose field is wrong still is a name: nobody who uses it did anything wrong
    names = {part: list(tree.get(part) or ()) if isinstance(tree.get(part), Map) else [] for part in _PARTS}
    part = {key: valid.get(key) or Map(valid.mark) for key in _PARTS}
    site = Site(path.parent, problems, names["networks"], names["volumes"])
    nets = [read_network(name, each, problems) for name, each in part["networks"].items()]
    instances = _instances(part, names, site, documents)
    vms = []
    for each in instances:
        problems.echo = each.who.repeated
        vms.append(read_vm(site, each.tree, each.who, part["vms"]))
    problems.echo = False
    targets = _targets(instances, names)
    connected = dependencies.connect(vms, [each.tree for each in instances], targets, problems)
    _names(valid, nets, problems)
    check_addresses(nets, part["networks"], connected, instances, problems)
    by_name = {net.name: net for net in nets}, {vm.name: vm for vm in connected}
    check_references(references, *by_name, problems)
    return Lab(
        name=valid.get("name", ""),
        path=path,
        folder=path.parent,
        description=valid.get("description", ""),
        networks=tuple(nets),
        volumes=tuple(read_volume(name, each, problems) for name, each in part["volumes"].items()),
        vms=connected,
        groups={name: tuple(targets.groups[name]) for name in part["groups"]},
        parameters=values,
        secrets=problems.secrets,
        refers=bool(references),
        positions=Positions(top, {each.who.base: each.tree for each in instances}),
    )


def _instances(
    part: Mapping[str, Map], names: Mapping[str, list[str]], site: Site, documents: Documents
) -> list[Instance]:
    roster = Roster(part["vms"], site.problems).called()
    membership = Membership(part["groups"], names["groups"], names["vms"], roster)
    for fields in part["vms"].values():
        membership.check(fields)
        for special in (fields.get("instances") or {}).values():
            membership.check(special)
    membership.check(part["defaults"])
    configs = CloudConfigs(site, documents)
    return expand(Expansion(part["defaults"], roster, membership, configs, site))


def _names(top: Map, nets: Sequence[Network], problems: Problems) -> None:
    """Report a lab's name that is labctl's own, and one of the lab's own networks that is called external."""
    reserved.report("lab", top["name"], top, "name", problems)
    for net in nets:
        lab, dot, name = (net.external or "").partition(".")
        if dot and lab == top["name"]:
            hint = f"write `networks: {{{name}: …}}`, and use {name}"
            problems.at(top["networks"][net.name], "external", f"{net.external} is this lab's own", hint)


def _targets(instances: Sequence[Instance], names: Mapping[str, list[str]]) -> dependencies.Targets:
    bases: dict[str, list[str]] = {name: [] for name in names["vms"]}
    groups: dict[str, list[str]] = {name: [] for name in names["groups"]}
    for each in instances:
        bases[each.who.base].append(each.who.name)
        for group in each.who.groups:
            groups[group].append(each.who.name)
    return dependencies.Targets(bases, groups)
