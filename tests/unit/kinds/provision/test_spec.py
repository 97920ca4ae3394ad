"""In which VMs a step is done, and in which it is still to be done."""

from labctl.core.diff import Change
from labctl.core.record import replace
from labctl.core.spec import Effect
from labctl.kinds.provision.spec import LabProvisionSpec, Target

A, B = Target("a", "shop"), Target("b", "shop")
STEP = LabProvisionSpec("", 1, key="lab:x", on=("a", "b"), content="k:1", digest="k:1", targets=(A, B))


def test_a_step_is_done_where_it_is_recorded():
    assert STEP.as_done({}) is None
    assert STEP.as_done({"a": {"failed": "provision/1"}}) is None
    assert STEP.as_done({"a": {"digest": "k:1"}}) == replace(STEP, on=("a",))
    assert STEP.as_done({"a": {"digest": "k:1"}, "b": {"digest": "k:0"}}) == replace(STEP, digest="k:0")


def test_it_runs_where_it_is_lacking_or_else_everywhere():
    some = replace(STEP, on=("a",))
    joined = Change("on", "a", "a, b", Effect.LIVE)
    replaced = Change("vm/a", "there", "replaced", Effect.LIVE)
    content = Change("digest", "k:0", "k:1", Effect.LIVE)
    assert STEP.where_to_run(None, ()) == (A, B)
    assert STEP.where_to_run(some, (joined,)) == (B,)
    assert STEP.where_to_run(STEP, (replaced,)) == (A,)
    assert STEP.where_to_run(some, (joined, replaced)) == (A, B)
    assert STEP.where_to_run(some, (joined, content)) == (A, B)


def test_a_digest_that_was_made_with_a_lost_key_is_no_difference():
    had = replace(STEP, digest="old:0")
    assert STEP.with_choices({STEP.address: had}, lambda digest: digest.startswith("k:")).digest == "old:0"
    assert STEP.with_choices({STEP.address: had}, lambda _: True).digest == "k:1"


def test_a_plan_tells_that_a_guest_restarts():
    assert [part.what for part in replace(STEP, reboot=True).brief()] == [
        "on a, b",
        "then restarts the guest",
    ]
