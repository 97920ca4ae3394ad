"""What is told and noted of a guest that does not become ready."""

import asyncio
import fcntl
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from labctl import resources
from labctl.core.errors import LabctlError, NotReady
from labctl.guest.protocol import GuestState, Reply
from labctl.host.access.port_session import PortSession
from labctl.host.access.transport import Completed
from labctl.kinds.vm import guest_session
from labctl.kinds.vm.guest_session import GuestSession, _brief
from labctl.kinds.vm.spec import VmSpec
from tests.unit.guest_port import FakeConnection

WEB = VmSpec("shop", "web")


def test_the_modules_that_failed_are_named_and_nothing_that_the_guest_says():
    errors = (
        "('bootcmd', TypeError('secret'))",
        "('users-groups', TypeError('secret'))",
        "('scripts_user', RuntimeError('secret'))",
        "something else",
    )
    modules = "bootcmd, users-groups, scripts_user"
    assert _brief(errors) == f"cloud-init failed in {modules}: `labctl up` tells why"
    assert _brief(("something else",)) == "cloud-init failed: `labctl up` tells why"


class Connected(FakeConnection):
    virt = None


@pytest.mark.parametrize(
    ("excess", "brief", "hint"),
    [
        (
            "a line of more than 1MiB",
            "it sends more than a guest may on labctl's port",
            "labctl console",
        ),
        ("", "it did not become ready in time", "labctl ssh web"),
    ],
)
def test_why_a_guest_can_t_be_followed_is_told_and_noted(monkeypatch, excess, brief, hint):
    monkeypatch.setattr(guest_session.console, "tail", lambda *_: "the end")

    async def check():
        session = GuestSession(Connected(), PortSession(Connected()))
        session.port._stop(excess)  # noqa: SLF001  # as libvirt's thread lets it do
        with pytest.raises(NotReady) as failed:
            await session.follow_boot(WEB, None, time.monotonic() + 60)
        assert failed.value.summary.endswith("the last lines of its console:\n  | the end")
        assert failed.value.brief.startswith(brief)
        assert hint in failed.value.hint

    asyncio.run(check())


def test_cloud_init_s_errors_can_t_look_like_lines_of_labctl():
    told = []

    class Tell:
        warn = staticmethod(told.append)

    async def check():
        session = GuestSession(Connected(), PortSession(Connected()))
        session.port.state = GuestState(
            "done", errors=("failed",), recoverable=("odd",), log="a\nvm/db: ready (1.0 s)\x85b"
        )
        with pytest.raises(NotReady) as failed:
            session.report_cloud_init(WEB, Tell())
        assert failed.value.summary.splitlines()[2:] == ["  | a", "  | vm/db: ready (1.0 s)", "  | b"]

    asyncio.run(check())
    assert told == ["cloud-init: odd"]


def may_reseed():
    """Whether this process may ask the kernel: that takes CAP_SYS_ADMIN."""
    try:
        with Path("/dev/urandom").open("wb") as pool:
            fcntl.ioctl(pool, 0x5207)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("shell", [["sh"], ["busybox", "sh"]])
@pytest.mark.parametrize("tools", [("python3",), ("perl",), ("python3", "perl"), ()])
def test_a_guest_asks_its_kernel_to_begin_anew_by_what_it_has(tmp_path, shell, tools):
    script = resources.text("templates/guest/reseed.sh")
    for name in ("cat", "uname", *tools):
        found = sys.executable if name == "python3" else shutil.which(name)
        (tmp_path / name).symlink_to(Path(found).resolve())
    done = subprocess.run(
        [shutil.which(shell[0]), *shell[1:], "-c", f"{script}cat; exit $unable"],
        input=b"0123\nkeys\n",
        env={"PATH": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (b"keys\n", b"")  # what follows is left to the script that follows
    assert done.returncode == (0 if tools and may_reseed() else guest_session.UNABLE)


class Woken:
    """A guest that goes on, as its port and the way through it."""

    def __init__(self, exit_code=0, *, clock=True):
        self.told, self.stdin = [], []
        self._exit_code, self._clock = exit_code, clock

    def send(self, line):
        self.told.append(line.split()[0])

    async def reply(self, name):
        return Reply(name, self._clock, "" if self._clock else "not permitted")

    async def run(self, _script, *, stdin, **_limits):
        self.told.append("run")
        self.stdin.append(stdin)
        return Completed(self._exit_code, b"", b"no such device")


def rekeyed(monkeypatch, guest, keys="", *, reseed=True):
    monkeypatch.setattr(guest_session, "PortTransport", lambda _port: guest)
    return asyncio.run(GuestSession(Connected(), guest).reseed_and_rekey(WEB, keys, reseed=reseed))


@pytest.mark.parametrize(("code", "anew"), [(0, True), (guest_session.UNABLE, False)])
def test_a_guest_that_goes_on_gets_random_bytes_of_its_own(monkeypatch, code, anew):
    guests = [Woken(code), Woken(code)]
    assert [rekeyed(monkeypatch, guest) for guest in guests] == [anew, anew]
    first, second = (bytes.fromhex(guest.stdin[0].decode()) for guest in guests)
    assert len(first) == len(second) == guest_session.RANDOM_BYTES
    assert first != second


@pytest.mark.parametrize("reseed", [True, False])
def test_random_bytes_and_keys_go_by_one_script(monkeypatch, reseed):
    guest = Woken()
    rekeyed(monkeypatch, guest, "login …\nhost-key …\n", reseed=reseed)
    assert guest.told == ["run"]
    assert guest.stdin[0].decode().splitlines()[reseed:] == ["login …", "host-key …"]


@pytest.mark.parametrize(("after_s", "told"), [(0.5, ["clock"]), (5, ["clock", "clock"])])
def test_a_guest_that_answers_late_gets_the_time_again(monkeypatch, after_s, told):
    """What it was told first waited for it meanwhile, as for one that was saved while it booted."""
    guest, times = Woken(), iter([100.0, 100 + after_s])
    monkeypatch.setattr(
        guest_session, "time", SimpleNamespace(monotonic=lambda: next(times, 200.0), time=lambda: 7)
    )
    session = GuestSession(Connected(), guest)
    session.set_clock()
    asyncio.run(session.await_clock())
    assert guest.told == told


def test_a_guest_whose_clock_can_t_be_set_is_not_ready():
    session = GuestSession(Connected(), Woken(clock=False))
    session.set_clock()
    with pytest.raises(LabctlError, match="`clock`: not permitted"):
        asyncio.run(session.await_clock())


@pytest.mark.parametrize(
    ("keys", "reseed", "what"),
    [("", True, "random bytes"), ("keys", False, "new keys"), ("keys", True, "random bytes and new keys")],
)
def test_a_guest_that_does_not_take_what_it_is_given_is_not_ready(monkeypatch, keys, reseed, what):
    with pytest.raises(LabctlError, match=f"did not take {what}: no such device"):
        rekeyed(monkeypatch, Woken(1), keys, reseed=reseed)


@pytest.mark.parametrize(
    ("vm", "sent"),
    [
        (VmSpec("shop", "web", hosts="0123", host_lines=("10.0.0.2 db",)), ["hosts"]),
        (VmSpec("shop", "web", hosts=""), ["hosts"]),  # it may have names of before
        (VmSpec("shop", "web", hosts="0123"), []),
    ],
)
def test_a_guest_that_resumes_keeps_its_names(vm, sent):
    """The Labfile, which alone has them, is not looked at."""
    guest = Woken()
    assert GuestSession(Connected(), guest).send_config(vm) == sent
    assert guest.told == sent
