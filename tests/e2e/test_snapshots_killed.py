"""A save, a restore, a delete and a destroy with snapshots, killed before each call by which they change something."""

import itertools
import shutil
import subprocess
from collections.abc import Iterable, Iterator

import pytest

from tests.e2e.labfiles import Lab, blank_lab, virsh
from tests.e2e.meddled import KILLED, meddled
from tests.e2e.moments import moments
from tests.e2e.test_snapshots import POOL, kill_at, quick_lab, snapshots, states

RUN = {"web": "running", "db": "running"}
THEN, NOW = 7, 9  # bytes that are on disks
SIZE, LARGE = 64 << 10, 256 << 20  # how many
SAVE = ("snapshot", "save", "s1")
RESTORE = ("snapshot", "restore", "s1", "--yes")
DELETE = ("snapshot", "delete", "s1", "--yes")
DESTROY = ("destroy", "--yes")
CALLS = range(1, 30)  # of destroy, and a few more


@pytest.fixture
def lab(make_lab) -> Lab:
    """Two VMs that have nothing to boot, and a volume; `THEN` is on all that can be written to."""
    vms = {"web": {"networks": ["front"], "disks": [{"name": "shared", "volume": "shared"}]}, "db": {}}
    content = blank_lab("time", networks={"front": {}}, vms=vms)
    content["defaults"]["cloud_init"] = False
    made = make_lab(content | {"volumes": {"shared": {"size": "1MiB"}}})
    made.up()
    write(THEN)
    return made


def write(byte: int, vms: Iterable[str] = RUN, size: int = SIZE) -> None:
    """As guests would, which these VMs don't have."""
    for vm in vms:
        device = "/machine/peripheral/ua-disk-root/virtio-backend"
        command = f'qemu-io -d {device} "write -P {byte} 0 {size}"'
        assert not virsh("qemu-monitor-command", f"time.{vm}", "--hmp", command).strip()


def check_has(byte: int, vms: Iterable[str] = RUN, size: int = SIZE) -> None:
    for vm in vms:
        source = virsh("domblklist", f"time.{vm}").split()[1]
        read = ["qemu-io", "-U", "-r", "-f", "qcow2", "-c", f"read -P {byte} 0 {size}", source]
        told = subprocess.run(read, check=False, capture_output=True, text=True)
        assert told.returncode == 0, (vm, told)


def kills(lab: Lab, *command: str) -> Iterator[int]:
    """Kill it before each of its calls, a run for each; in the end it is not killed. Who iterates sees to the next."""
    for at in itertools.count(1):
        ended = meddled(lab, at, *command)
        if ended.code != KILLED:
            assert ended.code == 0, (at, ended)
            return
        settle()
        yield at


def settle() -> None:
    """Wait for what libvirtd was asked for already: it goes on with that."""
    for vm in RUN:
        subprocess.run(["virsh", "dommemstat", f"time.{vm}"], check=False, capture_output=True)


def goes_on(lab: Lab, at: int, byte: int) -> None:
    lab.up()
    assert states(lab) == RUN, at
    check_has(byte)


def names(lab: Lab) -> list[str]:
    return [each["name"] for each in snapshots(lab)["snapshots"]]


def files() -> set[str]:
    return {path.name for path in POOL.iterdir()}


def test_a_save_that_is_killed_anywhere_is_whole_or_gone(lab):
    """What it left goes with the next save."""
    plain = files()
    for at in kills(lab, *SAVE):
        goes_on(lab, at, THEN)
        if names(lab):
            write(NOW)
            lab.ok(*RESTORE)
            check_has(THEN)
            lab.ok(*DELETE)
    lab.ok(*DELETE)
    check_has(THEN)
    assert files() == plain


def test_a_restore_that_is_killed_anywhere_is_done_by_the_next(lab):
    plain = files()
    lab.ok(*SAVE)
    for at in kills(lab, *RESTORE):
        lab.up()
        assert states(lab) == RUN, at
        write(NOW)
    check_has(THEN)
    assert lab.plan() == {}
    lab.ok(*DELETE)
    check_has(THEN)
    assert files() == plain


def put(byte: int) -> None:
    """Into the end of the shared volume, which is the last to be copied."""
    command = f'qemu-io -d /machine/peripheral/ua-disk-shared/virtio-backend "write -P {byte} 512k 512k"'
    assert not virsh("qemu-monitor-command", "time.web", "--hmp", command).strip()


def check_put(byte: int) -> None:
    assert (POOL / "_volume.shared").read_bytes()[512 << 10 :] == bytes([byte]) * (512 << 10)


@pytest.mark.parametrize("call", ["virStorageVol.upload", "virStream.send", "virStream.finish"])
def test_a_volume_that_was_cut_off_while_it_was_brought_back_is_made_whole(lab, call):
    """By whatever comes next, but what ends the lab: nobody boots with it, or saves it, as it is."""
    plain = files()
    put(THEN)
    lab.ok(*SAVE)
    for following in (("up", "--yes"), ("snapshot", "save", "s2"), RESTORE):
        put(NOW)
        assert meddled(lab, call, *RESTORE).code == KILLED
        settle()
        assert "copied back" in lab.ok("plan").stderr
        lab.ok("halt", "--yes")
        told = lab.ok(*following)
        assert "~ pool/time" in told.stderr, told
        check_put(THEN)
        lab.up()
        assert lab.plan() == {}
    lab.ok("snapshot", "prune", "--keep", "0", "--yes")
    assert files() == plain
    lab.destroy()
    assert not POOL.exists()


def test_a_delete_that_is_killed_anywhere_is_done_by_the_next(lab):
    """What was written since the save stays, also while its layer is merged."""
    plain = files()
    lab.ok(*SAVE)
    write(NOW)
    for at in kills(lab, *DELETE):
        lab.up()
        assert states(lab) == RUN, at
        if names(lab):
            lab.ok(*DELETE)
        lab.ok("snapshot", "save", "s2")
        check_has(NOW)
        lab.ok(*DELETE[:2], "s2", "--yes")
        assert files() == plain, at
        lab.ok(*SAVE)
    check_has(NOW)
    assert files() == plain


def merges(domain: str) -> str:
    """How far QEMU is with the merge of a domain's layers; empty if it merges none."""
    text = virsh("dumpxml", domain)
    return "" if "<mirror " not in text else "ready" if "ready='yes'" in text else "begun"


def test_a_merge_that_is_killed_in_the_middle_loses_nothing(make_lab):
    """It goes on without labctl, until the next run ends it."""
    lab = make_lab(quick_lab(web={"disk": "1GiB"}))
    lab.up()
    plain = files()

    def save():
        lab.ok(*SAVE)
        write(NOW, ["web"], LARGE)

    write(THEN, ["web"], LARGE)
    save()
    kill_at(lambda: merges("time.web") == "begun", lab, *DELETE, undo=save)
    assert merges("time.web")
    lab.up()
    lab.ok("snapshot", "prune", "--keep", "0", "--yes")
    check_has(NOW, ["web"], LARGE)
    assert files() == plain


def test_a_merge_that_was_killed_stands_in_nobodys_way(make_lab):
    """QEMU works on the disk until the next run ends that, and libvirt would refuse what follows."""
    web = {"disk": "1MiB"}
    lab = make_lab(quick_lab(web=web))
    lab.up()
    lab.ok("snapshot", "save", "first")
    lab.ok("snapshot", "save", "second")

    def grow():
        web["disk"] = "2MiB"
        lab.up()

    for following in (
        lambda: lab.ok("snapshot", "save", "third"),
        lambda: lab.ok("suspend", "--disk"),
        lambda: lab.ok("snapshot", "delete", "first", "--yes"),
        grow,
    ):
        lab.ok(*SAVE)
        ended = meddled(lab, "virDomain.blockJobAbort", *DELETE)
        assert (ended.code, merges("time.web")) == (KILLED, "ready")
        following()
        lab.ok("up", "--yes")
        assert lab.plan() == {}
        assert states(lab) == {"web": "running"}
        assert not merges("time.web")


@pytest.mark.parametrize("moment", moments(CALLS, 2))
@pytest.mark.parametrize(
    "command", [SAVE, RESTORE, DELETE, DESTROY], ids=["save", "restore", "delete", "destroy"]
)
def test_what_was_killed_is_destroyed(lab, command, moment):
    """Without the local files, and although `destroy` itself is killed once."""
    if command != SAVE:
        lab.ok(*SAVE)
    meddled(lab, moment, *command)
    shutil.rmtree(lab.path.parent / ".labctl", ignore_errors=True)  # destroy may have come to this
    meddled(lab, moment // 2, *DESTROY)
    lab.destroy()
    assert not POOL.exists()
