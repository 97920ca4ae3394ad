"""pack.sh, the last of mmdebstrap's hooks, on a small root: in a user namespace too, where no one is root."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl import resources
from labctl.host.machine import command

MIB = 1 << 20
NOBODY = 65534
CONFIGURATION = "tmp/mmdebstrap.apt.conf"
NAMESPACES = ("unshare", "--user", "--map-root-user", "--mount")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that others may enter, unlike pytest's."""
    made = Path(tempfile.mkdtemp(prefix="labctl-test-", dir="/var/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def namespaces() -> list[str]:
    """The command that enters a user namespace, as an ordinary user also where the tests are root's."""
    ordinary = [] if os.geteuid() else ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    enter = [*ordinary, *NAMESPACES]
    if command.path("mkfs.ext4") is None or command.path("debugfs") is None:
        pytest.skip("no mkfs.ext4 here")
    if subprocess.run([*enter, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no user namespaces for ordinary users here")
    return enter


def make_root(folder: Path) -> Path:
    """What mmdebstrap leaves when its last hook runs."""
    root = folder / "root"
    files = {
        "etc/hostname": "debian\n",
        "boot/manifest": "a=1\n",
        "boot/vmlinuz": "kernel\n",
        "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
        "sbin/start-stop-daemon": "fake\n",
        "sbin/start-stop-daemon.REAL": "real\n",
        "var/lib/apt/lists/Packages": "",
        "run/lock/a": "",
        CONFIGURATION: "",
    }
    for name in ("mnt", "var/cache/apt", "var/log", "var/tmp", "etc/apt/apt.conf.d"):
        (root / name).mkdir(parents=True)
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    if os.geteuid() == 0:
        for path in (root, *root.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    return root


def pack(enter: list[str], root: Path, disk: Path, *, offset: int, bootable: str) -> None:
    script = (resources.folder("templates") / "images/base/pack.sh").read_text()
    with disk.open("xb") as file:
        file.truncate(offset + 8 * MIB)
        disk.chmod(0o666)
        facts = {
            "LABCTL_DISK": f"/proc/self/fd/{file.fileno()}",
            "LABCTL_OFFSET": str(offset),
            "LABCTL_SIZE": str(8 * MIB),
            "LABCTL_BOOTABLE": bootable,
            "PATH": f"{os.environ['PATH']}:{command.SBIN}",
        }
        subprocess.run(
            [*enter, "sh", "-c", script, "exec", root], check=True, pass_fds=(file.fileno(),), env=facts
        )


def listed(disk: Path, offset: int, folder: str) -> set[str]:
    debugfs = [command.path("debugfs"), "-R", f"ls -p {folder}", f"{disk}?offset={offset}"]
    output = subprocess.run(debugfs, check=True, capture_output=True, text=True).stdout
    return {line.split("/")[5] for line in output.splitlines() if line.startswith("/")} - {".", ".."}


@pytest.mark.parametrize(("offset", "bootable"), [(0, "no"), (66 * MIB, "yes")])
def test_the_root_is_packed_without_root(namespaces, folder, offset, bootable) -> None:
    root, disk = make_root(folder), folder / "disk.raw"
    pack(namespaces, root, disk, offset=offset, bootable=bootable)
    assert {"etc", "usr", "lost+found"} <= listed(disk, offset, "/")
    assert listed(disk, offset, "/etc") == {"apt", "hostname"}
    assert listed(disk, offset, "/boot") == ({"vmlinuz"} if bootable == "yes" else set())
    for empty in ("/tmp", "/run", "/mnt", "/var/lib/apt/lists"):
        assert listed(disk, offset, empty) == set(), empty
    owner = subprocess.run(
        [command.path("debugfs"), "-R", "stat /etc/hostname", f"{disk}?offset={offset}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "User:     0   Group:     0" in owner


def test_services_of_a_guest_may_start(namespaces, folder) -> None:
    """While it builds, mmdebstrap keeps them from it."""
    root, disk = make_root(folder), folder / "disk.raw"
    pack(namespaces, root, disk, offset=0, bootable="no")
    assert listed(disk, 0, "/usr/sbin") == set()
    assert listed(disk, 0, "/sbin") == {"start-stop-daemon"}
    assert (root / "sbin/start-stop-daemon").read_text() == "real\n"


def test_mmdebstraps_own_configuration_of_apt_stays(namespaces, folder) -> None:
    """Without it its apt would read, and clean, the host's."""
    root = make_root(folder)
    pack(namespaces, root, folder / "disk.raw", offset=0, bootable="no")
    assert (root / CONFIGURATION).exists()
