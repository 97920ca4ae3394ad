"""A plan with one step of each action, and the events of a run in which one VM fails."""

from labctl.core.address import Address
from labctl.core.events import (
    Diagnostic,
    Ending,
    Event,
    Finished,
    PlanReady,
    StepDone,
    StepFailed,
    StepProgress,
    StepSkipped,
    StepStarted,
    VmStage,
)
from labctl.core.plan import Plan
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.vm.disks_and_nics import DiskUse, NicUse
from labctl.kinds.vm.spec import VmSpec
from labctl.report.jsonlines import JsonLines

MIB = 1 << 20


def network(name: str, subnet: str) -> NetworkSpec:
    return NetworkSpec("shop", name, bridge=f"lab-{name}", subnet4=subnet)


def vm(name: str, memory: int = 512, cpus: int = 1, *, nics: tuple[str, ...] = ("front",), **more) -> VmSpec:
    return VmSpec(
        lab="shop",
        name=name,
        cpus=cpus,
        memory=memory * MIB,
        max_memory=1024 * MIB,
        disks=(DiskUse("root", f"/pool/{name}.root", f"{name}/root"),),
        nics=tuple(NicUse(nic, f"52:54:00:00:00:{len(name):02x}", f"shop.{nic}", nic) for nic in nics),
        ready=True,
        **more,
    )


def disk(name: str, base: str = "") -> DiskSpec:
    return DiskSpec("shop", name, size=1024 * MIB, base=base)


def specs(*each):
    return {spec.address: spec for spec in each}


def sample() -> Plan:
    """New VM `new`, live `grow`, restart `more`, replaced `db`, removed `old`."""
    before = specs(
        network("front", "10.0.0.0/24"),
        *(disk(f"{name}/root", "a.qcow2") for name in ("grow", "more", "db", "old")),
        vm("grow"),
        vm("more"),
        vm("db"),
        vm("old"),
    )
    after = specs(
        network("front", "10.0.0.0/24"),
        network("back", "10.0.1.0/24"),
        *(disk(f"{name}/root", "a.qcow2") for name in ("grow", "more", "new")),
        disk("db/root", "b.qcow2"),
        vm("grow", memory=768, nics=("front", "back")),
        vm("more", cpus=2),
        vm("db"),
        vm("new"),
    )
    applied = {Address("vm", "grow"): after[Address("vm", "grow")].fingerprint()}
    return plan(before and after, before, applied=applied, lab="shop", connection="qemu:///system")


def state_changed(was: str, to: str) -> Plan:
    before = specs(vm("db", state=was))
    after = specs(vm("db", state=to))
    return plan(after, before, lab="shop", connection="qemu:///system")


def waited() -> tuple[Event, ...]:
    """A run that only waits for a VM that an interrupted run had started."""
    wanted = vm("db", state="running")
    before = replace(wanted, ready=False, hosts="")
    return (
        PlanReady(plan(specs(replace(wanted, hosts="1")), specs(before), lab="shop")),
        StepStarted("vm/db", "update", "await", "waiting"),
        VmStage("db", "booted", 3.0),
        VmStage("db", "ready", 4.0),
        StepDone("vm/db", "update", 4.0),
    )


EVENTS: tuple[Event, ...] = (
    Diagnostic("warning", "Labfile.yaml:6:3: vms.db: turning passwords on is risky"),
    Diagnostic("note", "no usable KVM here", "`labctl doctor` tells why"),
    PlanReady(sample()),
    StepStarted("network/back", "create", "create", "creating"),
    StepDone("network/back", "create", 0.312),
    StepStarted("disk/new/root", "create", "create", "creating"),
    StepProgress("disk/new/root", "uploading", 40 * MIB, 340 * MIB),
    StepDone("disk/new/root", "create", 125.4),
    StepStarted("vm/new", "create", "create", "creating"),
    StepStarted("vm/new", "create", "start", "starting"),
    VmStage("new", "started", 2.0),
    VmStage("new", "booted", 61.25),
    VmStage("new", "ready", 62.5),
    StepDone("vm/new", "create", 60.1),
    StepStarted("vm/db", "replace", "delete", "deleting"),
    StepFailed(
        "vm/db",
        "replace",
        "not ready in 5 minutes; it hung in cloud-init's init\nlast line",
        "look at `labctl logs db`",
    ),
    StepSkipped("vm/more", "restart", "vm/db failed"),
    Finished(
        Ending.UNREADY,
        done=3,
        failed=1,
        skipped=1,
        seconds=301.2,
        next="mend it and run the same command again",
    ),
)


def fed(sink, events=EVENTS):
    for event in events:
        sink(event)


def json_lines(stream) -> JsonLines:
    return JsonLines(stream, lambda ending: 4 if ending is Ending.UNREADY else 0)
