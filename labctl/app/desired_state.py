"""The desired state of each verb, as a pure function of what the Labfile says and what exists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.app.vm_names import choose
from labctl.core.address import Address, natural_sort_key
from labctl.core.errors import UsageError
from labctl.core.lifecycle import State
from labctl.core.record import replace
from labctl.core.spans import spans
from labctl.core.spec import find, of_kind
from labctl.kinds import addresses
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.provision.spec import ProvisionSpec
from labctl.kinds.vm.spec import VmSpec
from labctl.kinds.vm.transitions import transition
from labctl.kinds.warm.spec import WarmSpec
from labctl.labfile.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from labctl.app.prepare import DesiredState
    from labctl.core.spec import Spec
    from labctl.kinds.vm.transitions import Transition

Specs = dict[Address, "Spec"]


def up(vms: Iterable[str] = ()) -> DesiredState:
    """Everything in the Labfile or, with `vms`, these VMs and what they need; everything else stays as it is."""
    names = tuple(vms)

    def desired(wanted: Specs, existing: Specs) -> Specs:
        if not names:
            return wanted | {address: spec for address, spec in existing.items() if spec.unstated}
        scope = _closure({addresses.vm(name) for name in _known(names, wanted)}, wanted)
        scope |= {
            step.address for step in _steps_within({each.name for each in scope if each.kind == "vm"}, wanted)
        }
        scope |= {address for address, spec in wanted.items() if spec.holder in scope}
        outside = {
            address: spec
            for address, spec in existing.items()
            if not scope & {address, spec.inside, spec.holder}
        }
        return outside | {address: spec for address, spec in wanted.items() if address in scope}

    return desired


def provision(vms: Iterable[str], only: str, *, again: bool) -> DesiredState:
    """What exists, and the provisioning steps of these VMs, or of all that run; with `only` those of this name.

    With `again` also those that are done are to be run.
    """
    names = tuple(vms)

    def desired(wanted: Specs, existing: Specs) -> Specs:
        running = {vm.name for vm in of_kind(existing.values(), VmSpec) if vm.state == State.RUNNING}
        if not running and not names:
            raise UsageError("no VM of the lab runs", hint="`labctl up` starts them, and runs their steps")
        chosen = set(_known(names, wanted)) if names else running
        if off := sorted(chosen - running, key=natural_sort_key):
            hint = f"`labctl up {' '.join(off)}` starts what is off, and runs its steps"
            raise UsageError(f"{spans(off)} {'does' if len(off) == 1 else 'do'} not run", hint=hint)
        steps = _steps_within(chosen, wanted)
        if only and not (named := [step for step in steps if step.name == only]):
            known = sorted({step.name for step in steps if step.name})
            hint = did_you_mean(only, known) or f"there are: {', '.join(known) or 'none with a name'}"
            raise UsageError(f"no provisioning step is called {only}", hint=hint)
        steps = named if only else steps
        return existing | {step.address: replace(step, again=again) for step in steps}

    return desired


def _steps_within(vms: Collection[str], wanted: Specs) -> list[ProvisionSpec]:
    """The provisioning steps that are done in these VMs and in no others."""
    return [step for step in of_kind(wanted.values(), ProvisionSpec) if set(step.on) <= set(vms)]


def destroy(vms: Iterable[str] = (), *, warm: bool = False) -> DesiredState:
    """Only what outlives the lab, as images, or with `vms` everything except these VMs and their disks.

    With `warm` the lab's warm state goes too; one that was not saved to its end goes in any case.
    """
    names = tuple(vms)

    def desired(_wanted: Specs, existing: Specs) -> Specs:
        if not names:
            states = of_kind(existing.values(), WarmSpec)
            gone_too = {spec.address for spec in states if warm or not spec.finished}
            return {
                address: spec for address, spec in existing.items() if spec.shared and address not in gone_too
            }
        gone = {addresses.vm(name) for name in _known(names, existing)}
        return {
            address: spec
            for address, spec in existing.items()
            if not gone & {address, spec.owner, spec.inside, spec.holder}
        }

    return desired


def halt(vms: Iterable[str] = ()) -> DesiredState:
    return _with_state(State.OFF, vms, lambda way: bool(way.ends))


def suspend(vms: Iterable[str] = (), *, disk: bool = False) -> DesiredState:
    return _with_state(State.SAVED if disk else State.PAUSED, vms, lambda way: bool(way.begins))


def resume(vms: Iterable[str] = ()) -> DesiredState:
    """What is paused or saved runs, on its networks: a reboot of the host stops these.

    Where the Labfile is known, it says when these VMs are ready, and which of its steps run each time.
    """
    with_state = _with_state(State.RUNNING, vms, lambda way: way.resumes)

    def desired(wanted: Specs, existing: Specs) -> Specs:
        result = with_state(wanted, existing)
        on = [vm for vm in of_kind(result.values(), VmSpec) if vm is not existing[vm.address]]
        used = {name for vm in on for name in vm.networks}
        stopped = [each for each in of_kind(existing.values(), NetworkSpec) if not each.active]
        result |= {each.address: replace(each, active=True) for each in stopped if each.name in used}
        named = [(vm, spec) for vm in on if (spec := find(wanted, vm.address, VmSpec))]
        result |= {vm.address: _ready_as(vm, spec) for vm, spec in named}
        return result | _recurring({vm.name for vm in on}, result, wanted)

    return desired


def _ready_as(vm: VmSpec, named: VmSpec) -> VmSpec:
    """An existing VM, with what the Labfile says of when it is ready. It is asked at the addresses that it has."""
    had = {nic.name: nic.addresses for nic in vm.nics}
    moved = {to: ip for nic in named.nics for to, ip in zip(nic.given, had.get(nic.name, ()), strict=False)}
    checks = (
        replace(check, addresses=tuple(moved.get(each, each) for each in check.addresses))
        for check in named.checks
    )
    return replace(vm, checks=tuple(checks), timeout=named.timeout, waits=named.waits, keyed=named.keyed)


def _recurring(vms: set[str], specs: Specs, wanted: Specs) -> Specs:
    """The steps that run each time, of these VMs, and of the lab as far as all of their VMs run."""
    running = {vm.name for vm in of_kind(specs.values(), VmSpec) if vm.state == State.RUNNING}
    steps = (step for step in _steps_within(running, wanted) if step.due and vms & set(step.on))
    return {step.address: step for step in steps}


def off(vms: Collection[str], existing: Mapping[Address, Spec]) -> list[str]:
    """The names of those VMs in `vms`, or of all VMs if it is empty, that are off."""
    found = of_kind(existing.values(), VmSpec)
    chosen = (vm for vm in found if not vms or vm.name in vms or vm.base in vms)
    return sorted((vm.name for vm in chosen if vm.state == State.OFF), key=natural_sort_key)


def _with_state(state: State, vms: Iterable[str], only: Callable[[Transition], bool]) -> DesiredState:
    """What exists, with `state` for the VMs whose transition to it satisfies `only`."""
    names = tuple(vms)

    def desired(_wanted: Specs, existing: Specs) -> Specs:
        chosen = set(_known(names, existing)) if names else None
        result = dict(existing)
        for vm in of_kind(existing.values(), VmSpec):
            if (chosen is None or vm.name in chosen) and only(transition(vm.state, state)):
                result[vm.address] = replace(vm, state=state, ready=None, keyed=None)
        return result

    return desired


def _closure(start: set[Address], specs: Specs) -> set[Address]:
    """The addresses in `start`, all that they need, and all that those need."""
    found: set[Address] = set()
    waiting = list(start)
    while waiting:
        address = waiting.pop()
        if address not in found and address in specs:
            found.add(address)
            waiting += [need.address for need in specs[address].needs()]
    return found


def _known(names: tuple[str, ...], specs: Specs) -> list[str]:
    """Expand names of instances, and names of counted VMs to all of their instances.

    Raises:
        UsageError: there are no such VMs.
    """
    return choose(names, {vm.name: vm.base for vm in of_kind(specs.values(), VmSpec)})
