"""Two labctl at the same moment."""

from itertools import count

from labctl.engine import subnets
from tests.e2e.labfiles import blank_lab, virsh


def test_a_lab_is_held_by_one_run(make_lab):
    """The other one ends at once, and names the process and the user that hold the lab."""
    lab = make_lab(blank_lab("held", networks={"front": {}}, vms={"one": {"networks": ["front"]}}))
    first = lab.start("up", "--yes", "--json")
    first.stdout.readline()
    while "PlanReady" not in first.stdout.readline():
        pass
    second = lab.run("up", "--yes")
    assert second.code == 5, second
    assert f"PID {first.pid} of root\n" in second.stderr
    assert "--json" not in second.stderr  # what runs is nobody's business
    assert first.wait() == 0
    assert lab.plan() == {}
    lab.destroy()


def test_two_labs_that_start_together_get_subnets_of_their_own(make_lab, labdir):
    """Even where both would choose the same one if they were alone."""
    labs = []
    for name in rivals():
        vms = {"one": {"networks": ["front"]}}
        labs.append(make_lab(blank_lab(name, networks={"front": {}}, vms=vms), labdir / name))
    runs = [lab.start("up", "--yes") for lab in labs]
    for run in runs:
        _, errors = run.communicate()
        assert run.returncode == 0, errors
    assert [lab.plan() for lab in labs] == [{}, {}]
    subnets = {
        line
        for lab in labs
        for line in virsh("net-dumpxml", f"{lab.name}.front").splitlines()
        if "<ip " in line
    }
    assert len(subnets) == 2
    for lab in labs:
        lab.destroy()


def rivals() -> tuple[str, str]:
    """Two names of labs whose networks `front` prefer the same subnet."""
    seen = {}
    for number in count():
        name = f"rival-{number}"
        subnet = subnets.free_subnet(f"{name}/front", subnets.OtherSubnets())
        assert subnet.subnet_of(subnets.POOLS4[0])
        if subnet in seen:
            return seen[subnet], name
        seen[subnet] = name
    raise AssertionError
