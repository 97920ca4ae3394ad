"""What a plan knows of a warm state."""

from labctl.core.operations import operations
from labctl.core.plan import Action
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.pool.spec import PoolSpec
from labctl.kinds.warm.spec import UNFINISHED, WarmSpec
from labctl.report import plantext
from labctl.report.phrases import done_word
from tests.unit.kinds.warm.conftest import KEY

NEW = WarmSpec("shop", KEY)


def by_address(*specs):
    return {spec.address: spec for spec in specs}


def test_one_that_is_kept_is_no_step(warm):
    assert not plan(by_address(warm), by_address(warm))


def test_one_that_the_lab_did_not_begin_with_is_replaced_also_under_the_same_key(warm):
    """Its memory may be broken, or its description: it would be in the way for ever."""
    broken = replace(NEW, problem="it can't be read")
    for had in (warm, broken, replace(warm, key="other")):
        (step,) = plan(by_address(NEW), by_address(had)).steps
        assert step.action is Action.REPLACE


def test_why_it_is_replaced_is_told_and_nothing_else_of_it(warm):
    for had in (warm, replace(warm, key="other")):
        text = plantext.render(plan(by_address(NEW), by_address(had)), plantext.Style())
        assert text.splitlines()[2:4] == ["-/+ warm/shop  (the lab did not begin with it)", ""]


def test_what_stands_on_it_goes_before(warm):
    disk = DiskSpec("shop", "web/root", saved=f"_warm.shop.{KEY}.disk.web.root")
    held = by_address(PoolSpec("shop", "/p"), disk, warm)
    needs = {each.id: each.needs for each in operations(plan({}, held))}
    assert "delete disk/web/root" in needs["delete warm/shop"]


def test_it_goes_before_the_pool_of_its_lab(warm):
    """What removes it looks for disks in all pools, and would start one again that another step is removing."""
    held = by_address(PoolSpec("shop", "/p"), warm, replace(warm, key="f" * 16, aside=True))
    needs = {each.id: each.needs for each in operations(plan({}, held))}
    assert {"delete warm/shop", f"delete warm/shop/{'f' * 16}"} <= set(needs["delete pool/shop"])


def test_of_one_that_cant_be_read_no_moment_is_known(warm):
    assert replace(NEW, problem="x").moment == ""
    assert warm.moment


def test_of_what_a_killed_save_left_is_told_that_it_goes(warm):
    """It has an address of its own beside a warm state, which stays."""
    left = replace(NEW, problem=UNFINISHED, key="f" * 16, size=1 << 20, aside=True)
    (step,) = plan(by_address(warm), by_address(warm, left)).steps
    assert (str(step.address), done_word(step)) == ("warm/shop/ffffffffffffffff", "deleted")


def test_of_a_new_one_is_told_that_it_is_over(warm):
    """Also where it replaces another one. Whether the lab was saved, the driver tells."""
    for existing in ({}, by_address(warm)):
        (step,) = plan(by_address(NEW), existing).steps
        assert done_word(step) == "done"
    (gone,) = plan({}, by_address(warm)).steps
    assert done_word(gone) == "deleted"
