"""What a run waits for in its guests."""

import asyncio
from types import SimpleNamespace

import pytest

from labctl.core.errors import LabctlError
from labctl.core.lifecycle import State
from labctl.kinds.vm.guest_sessions import GuestSessions, answer_s
from labctl.kinds.vm.spec import VmSpec


@pytest.mark.parametrize(("accel", "times"), [("kvm", 1), ("qemu", 4)])
def test_a_guest_without_kvm_may_take_longer_to_do_what_it_is_told(accel, times):
    assert answer_s(VmSpec("shop", "web", accel=accel)) == 60 * times


@pytest.mark.parametrize(("keeps_memory", "told"), [(True, ["waiting for its guest"]), (False, [])])
def test_a_guest_that_goes_on_is_not_told_as_booting(monkeypatch, keeps_memory, told):
    async def session(*_arguments):
        return SimpleNamespace(set_clock=lambda: None, follow_boot=follow_boot)

    async def follow_boot(*_arguments):
        raise LabctlError("it hung up")

    progress = []
    sessions, web = GuestSessions(None, None), VmSpec("shop", "web", state=State.PAUSED)
    monkeypatch.setattr(sessions, "_session", session)
    tell = SimpleNamespace(progress=progress.append)
    with pytest.raises(LabctlError, match="hung up"):
        asyncio.run(sessions.booted(web, tell, web, keeps_memory=keeps_memory))
    assert progress == told


@pytest.mark.parametrize(
    ("state", "anew", "warned"),
    [
        (State.SAVED, False, True),
        (State.SAVED, True, False),
        (State.PAUSED, False, True),
        (State.PAUSED, True, False),
        (State.RUNNING, False, False),
    ],
)
def test_random_numbers_that_may_come_twice_are_told(state, anew, warned):
    """Of memory that was saved there may be a copy, and a snapshot lets VMs go on that are paused."""

    async def reseed_and_rekey(_spec, keys, *, reseed):
        assert reseed
        assert not keys
        return anew

    told = []
    tell = SimpleNamespace(warn=told.append)
    session = SimpleNamespace(reseed_and_rekey=reseed_and_rekey)
    web, before = VmSpec("shop", "web"), VmSpec("shop", "web", state=state)
    sessions = GuestSessions(None, SimpleNamespace(knows=lambda _vm: True))
    asyncio.run(sessions._reseed_and_rekey(web, session, tell, before, reseed=True))  # noqa: SLF001
    assert ["random numbers" in each for each in told] == [True] * warned


@pytest.mark.parametrize(("known", "forgotten"), [(False, ["web"]), (True, [])])
def test_keys_that_a_guest_did_not_take_are_made_anew_the_next_time(known, forgotten):
    async def reseed_and_rekey(*_arguments, **_of):
        raise LabctlError("it took nothing")

    gone = []
    keys = SimpleNamespace(
        knows=lambda _vm: known,
        login_public=lambda: "public",
        host=lambda _vm: ("PRIVATE", "public"),
        forget=gone.append,
    )
    session, web = SimpleNamespace(reseed_and_rekey=reseed_and_rekey), VmSpec("shop", "web")
    renewing = GuestSessions(None, keys)._reseed_and_rekey(web, session, None, web, reseed=True)  # noqa: SLF001
    with pytest.raises(LabctlError, match="vm/web"):
        asyncio.run(renewing)
    assert gone == forgotten


@pytest.mark.parametrize(("unchanged", "told"), [(True, []), (False, ["config"])])
def test_a_guest_that_only_goes_on_is_not_told_what_it_knows(monkeypatch, unchanged, told):
    async def done(*_arguments, **_of):
        return True

    async def session(*_arguments):
        return SimpleNamespace(
            set_clock=lambda: None,
            follow_boot=done,
            await_clock=done,
            reseed_and_rekey=done,
            send_config=lambda _spec, **_of: heard.append("config"),
            await_replies=done,
            report_cloud_init=lambda *_arguments: None,
            await_addresses=done,
            port=SimpleNamespace(state=None),
        )

    heard = []
    sessions, web = GuestSessions(None, SimpleNamespace(knows=lambda _vm: True)), VmSpec("shop", "web")
    monkeypatch.setattr(sessions, "_session", session)
    tell = SimpleNamespace(progress=lambda _text: None)
    asyncio.run(sessions.booted(web, tell, web, keeps_memory=True, unchanged=unchanged))
    assert heard == told
