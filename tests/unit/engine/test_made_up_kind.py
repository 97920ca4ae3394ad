"""A kind that exists in this file alone, and one line more in a session's registry: no other part knows of bells."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest

from labctl.app import change, desired_state, listing
from labctl.app.prepare import prepare
from labctl.app.session import Session
from labctl.cli.change import confirmed
from labctl.core.address import Address
from labctl.core.errors import UsageError
from labctl.core.events import StepStarted
from labctl.core.found import Found
from labctl.core.operations import operations
from labctl.core.record import record
from labctl.core.spec import BriefPart, Effect, Need, Spec, owned
from labctl.engine.registry import KINDS
from labctl.host.host import Host
from labctl.host.hosts import Hosts
from labctl.kinds import Kind
from labctl.report.plantext import Style, render

if TYPE_CHECKING:
    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.host.libvirt.look import Look

NODE = f"test://{Path(__file__).parents[2] / 'libvirt' / 'node.xml'}"
LABFILE = """\
labfile: 1
name: shop
networks: {front: {subnet: 10.90.0.0/24}}
vms: {web: {image: none, memory: 64MiB, disk: 1MiB, cloud_init: false, networks: [front]}}
"""


@record
class BellSpec(Spec):
    """A bell in the tower of a lab. Its tone is tuned, another metal is another bell."""

    kind: ClassVar[str] = "bell"
    rank: ClassVar[int] = 8
    holds_data: ClassVar[bool] = True

    lab: str
    name: str
    tone: str = owned(Effect.LIVE, default="c")
    metal: str = owned(Effect.REPLACE, default="bronze")

    @property
    def address(self) -> Address:
        return Address("bell", self.name)

    def needs(self) -> tuple[Need, ...]:
        return (Need(Address("network", "front")),)

    def brief(self) -> tuple[BriefPart, ...]:
        return (BriefPart(f"{self.metal} {self.tone}"),)


class Tower:
    """The host of bells: a folder with a file for each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, step: StepOf[BellSpec], tell: Teller) -> None:
        spec = step.wanted
        (self.folder / f"{spec.lab}.{spec.name}").write_text(f"{spec.tone} {spec.metal}")
        tell.progress("casting")

    async def update(self, step: StepOf[BellSpec], tell: Teller) -> None:
        self.create(step, tell)

    def delete(self, step: StepOf[BellSpec], _tell: Teller) -> None:
        (self.folder / f"{step.existing.lab}.{step.existing.name}").unlink()

    def observe(self, look: Look) -> Found[BellSpec]:
        bells = [(path.suffix[1:], path.read_text().split()) for path in self.folder.glob(f"{look.lab}.*")]
        return Found(tuple(BellSpec(look.lab, name, *said) for name, said in bells))

    def labs(self, _host: Host) -> set[str]:
        return {path.stem for path in self.folder.iterdir()}


@pytest.fixture
def tower(tmp_path):
    (tmp_path / "tower").mkdir()
    return Tower(tmp_path / "tower")


@pytest.fixture
def session(tower, tmp_path):
    """A lab on a node of libvirt's test driver, on which there are bells as well."""
    (tmp_path / "Labfile.yaml").write_text(LABFILE)
    made = Session(Hosts(Host(NODE)), str(tmp_path / "Labfile.yaml"))
    made.kinds = (*KINDS, Kind(BellSpec, lambda _host, _keys: tower, tower.observe, tower.labs))
    yield made
    made.hosts.close()


def ringing(*bells: BellSpec):
    """The Labfile, with bells: no Labfile has any."""

    def desired(wanted, existing):
        return desired_state.up()({**wanted, **{bell.address: bell for bell in bells}}, existing)

    return desired


def up(session: Session, *bells: BellSpec) -> list[object]:
    events: list[object] = []
    assert change.apply(session, "up", ringing(*bells), events.append, lambda _plan: True).ok
    return events


def planned(session: Session, *bells: BellSpec) -> str:
    return str(prepare(session, ringing(*bells)).plan)


def test_it_is_planned_after_what_it_needs(session):
    plan = prepare(session, ringing(BellSpec("shop", "big"))).plan
    assert [step.id for step in plan.steps][-1] == "bell/big"
    (made,) = [each for each in operations(plan) if each.step.address.kind == "bell"]
    assert made.needs == ("create network/front",)
    assert "+ bell/big" in render(plan, Style())
    assert "bronze c" in render(plan, Style())


def test_it_is_made_and_then_there_is_nothing_to_do(session, tower):
    events = up(session, BellSpec("shop", "big"))
    assert (tower.folder / "shop.big").read_text() == "c bronze"
    assert StepStarted("bell/big", "create", "create", "creating") in events
    assert planned(session, BellSpec("shop", "big")) == "plan: 5 unchanged"


def test_drift_is_shown_and_healed(session, tower):
    up(session, BellSpec("shop", "big"))
    (tower.folder / "shop.big").write_text("d bronze")
    assert "~ tone: d → c" in planned(session, BellSpec("shop", "big"))
    up(session, BellSpec("shop", "big"))
    assert (tower.folder / "shop.big").read_text() == "c bronze"


def test_a_replacement_loses_data_and_follows_the_removal(session, monkeypatch):
    up(session, BellSpec("shop", "big"))
    plan = prepare(session, ringing(BellSpec("shop", "big", metal="steel"))).plan
    assert plan.destructive
    assert [each.id for each in operations(plan)] == ["delete bell/big", "create bell/big"]
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(UsageError, match="this would replace 1 bell, and"):
        confirmed(plan, "up", yes=False)


def test_its_labs_are_listed(session, tower):
    (tower.folder / "abbey.big").write_text("c bronze")
    assert [lab.name for lab in listing.labs(*session.hosts, session.kinds)] == ["abbey"]


def test_it_goes_with_its_lab(session, tower):
    up(session, BellSpec("shop", "big"))
    (tower.folder / "abbey.big").write_text("c bronze")
    assert change.destroy(session, (), lambda _event: None, lambda _plan: True).ok
    assert [path.name for path in tower.folder.iterdir()] == ["abbey.big"]
    (host,) = session.hosts
    assert host.virt.listAllDomains() == host.virt.listAllNetworks() == []
