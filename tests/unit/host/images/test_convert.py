"""Importing foreign images: good ones keep their content, hostile ones are refused and what they point at is not."""

import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from labctl.core.errors import LabctlError
from labctl.host.images import convertible, qemu_img
from labctl.host.images.convert import convert
from labctl.host.images.convertible import ConvertibleImage
from labctl.host.images.qcow2 import Header, inspect
from tests.unit.host.images import hostile
from tests.unit.host.images.hostile import DISK, Hostile

pytestmark = pytest.mark.skipif(not shutil.which("qemu-img"), reason="needs qemu-img")
REPOSITORY = Path(__file__).parents[4]
KINDS = {
    "sparse.vmdk": ("vmdk", "subformat=monolithicSparse"),
    "stream.vmdk": ("vmdk", "subformat=streamOptimized"),
    "dynamic.vdi": ("vdi", "static=off"),
    "static.vdi": ("vdi", "static=on"),
    "dynamic.vhdx": ("vhdx", "subformat=dynamic"),
    "fixed.vhdx": ("vhdx", "subformat=fixed"),
    "dynamic.vpc": ("vpc", "subformat=dynamic,force_size=on"),
    "fixed.vpc": ("vpc", "subformat=fixed,force_size=on"),
}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk with data at its ends and in its middle."""
    path = tmp_path_factory.mktemp("raw") / "disk.raw"
    random_ = random.Random(1)  # noqa: S311 - noise, not a secret
    with path.open("wb") as file:
        for at in (0, DISK // 2, DISK - 65536):
            file.seek(at)
            file.write(random_.randbytes(65536))
    return path


def imported(source: Path, target: Path) -> Header:
    return convert(source, target, lambda _done, _total: None, limit_bytes=1 << 30)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("mode", [0o644, 0o600], ids=["public", "private"])
def test_a_good_image_keeps_its_content(tmp_path: Path, raw: Path, name: str, mode: int) -> None:
    kind, options = KINDS[name]
    source, target, back = tmp_path / name, tmp_path / "new.qcow2", tmp_path / "back.raw"
    hostile.qemu_img("convert", "-f", "raw", "-O", kind, "-o", options, raw, source)
    source.chmod(mode)
    told: list[tuple[int, int]] = []
    header = convert(source, target, lambda *progress: told.append(progress), limit_bytes=DISK)
    assert header == inspect(target) == Header("qcow2", DISK)
    hostile.qemu_img("convert", "-f", "qcow2", "-O", "raw", target, back)
    assert back.read_bytes() == raw.read_bytes()
    assert told[-1] == (DISK, DISK)
    facts = target.stat()
    assert (facts.st_uid, stat.S_IMODE(facts.st_mode)) == (os.geteuid(), 0o600)
    assert {path.name for path in tmp_path.iterdir()} == {name, "new.qcow2", "back.raw"}


def test_a_stream_with_a_footer_keeps_its_content(tmp_path: Path, raw: Path) -> None:
    """As VMware's own tools write it, unlike qemu-img."""
    source = tmp_path / "sparse.vmdk"
    hostile.qemu_img("convert", "-f", "raw", "-O", "vmdk", raw, source)
    assert imported(hostile.footed_good(tmp_path, source), tmp_path / "new").virtual_size == DISK
    hostile.qemu_img("convert", "-f", "qcow2", "-O", "raw", tmp_path / "new", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == raw.read_bytes()


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / "cana"
    path.write_bytes(b"canary" * 1024)
    return path


@pytest.fixture(scope="module")
def corpus(canary: Path) -> list[Hostile]:
    return hostile.corpus(canary.parent, canary)


def test_every_hostile_image_is_refused_with_its_reason(corpus: list[Hostile], tmp_path: Path) -> None:
    for image in corpus:
        with pytest.raises(LabctlError, match=image.inspected) as raised:
            inspect(image.path)
        assert raised.value.where == str(image.path)
        with pytest.raises(LabctlError, match=image.converted) as raised:
            imported(image.path, tmp_path / "new")
        assert raised.value.where == str(image.path)
    assert list(tmp_path.iterdir()) == []
    assert len(corpus) > 60


ALL = """
import sys
from pathlib import Path
from labctl.core.errors import LabctlError
from labctl.host.images.convert import convert
from labctl.host.images.qcow2 import inspect
for name in sys.argv[2:]:
    for attempt in (inspect, lambda path: convert(path, Path(sys.argv[1]), print, limit_bytes=1 << 40)):
        try:
            attempt(Path(name))
        except LabctlError:
            continue
        sys.exit(f"{name} passed")
"""


def opened(log: Path, *argv: object) -> str:
    """What the program and its children opened, by strace."""
    command = ["strace", "-f", "-y", "-e", "trace=openat,open,openat2", "-o", log, *argv]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, cwd=REPOSITORY, check=False
    )
    if "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    return log.read_text()


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_what_a_hostile_image_points_at_is_never_opened(
    corpus: list[Hostile], canary: Path, tmp_path: Path
) -> None:
    paths = [image.path for image in corpus]
    log = opened(tmp_path / "log", sys.executable, "-c", ALL, tmp_path / "new", *paths)
    assert f'"{canary}"' not in log
    assert all(f'"{path}"' in log for path in paths)
    assert "qemu-img" not in log


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_qemu_itself_would_open_it(corpus: list[Hostile], canary: Path, tmp_path: Path) -> None:
    """Else the test before shows nothing."""
    for name in ("backing.qcow2", "json.qcow2", "data.qcow2", "flat.vmdk", "hint.vmdk"):
        path = next(image.path for image in corpus if image.path.name == name)
        read = ["qemu-io", "-r", "-c", "read 0 512", path]
        log = opened(tmp_path / "log", "sh", "-c", '"$@" || true', "-", *read)
        assert f'"{canary}"' in log, name


@pytest.mark.parametrize("name", ["backing.qcow2", "json.qcow2", "hint.vmdk"])
def test_even_past_the_check_no_backing_file_is_opened(
    corpus: list[Hostile], canary: Path, tmp_path: Path, name: str
) -> None:
    path = next(image.path for image in corpus if image.path.name == name)
    with path.open("rb") as file, (tmp_path / "new").open("w+b") as target:
        source = qemu_img.OpenImage(file, path.suffix.removeprefix("."), DISK)
        qemu_img.convert(source, target, lambda *_: None)
        assert inspect(tmp_path / "new") == Header("qcow2", DISK)
    hostile.qemu_img("convert", "-f", "qcow2", "-O", "raw", tmp_path / "new", tmp_path / "back")
    assert b"canary" not in (tmp_path / "back").read_bytes()


TOLD = """#!/bin/sh
echo uid $(id -u) groups $(id -G)
echo links $(sed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p' /proc/net/dev)
echo files $(ls -l /proc/$$/fd | sed -n 's/.* -> //p' | grep -v pipe: | sort -u) end
echo environment $(env | grep -v ^PWD=) end
grep -E 'NoNewPrivs|CapEff|CapInh' /proc/self/status
grep -E 'cpu time|file size|core|address|open files' /proc/self/limits
exit 1
"""


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that nobody can enter, too."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_qemu_img_is_run_with_little(
    reachable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script in its place tells what it was given."""
    tool = reachable / "qemu-img"
    tool.write_text(TOLD)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    with (
        (tmp_path / "i").open("w+b") as file,
        (tmp_path / "new").open("w+b") as target,
        pytest.raises(LabctlError) as raised,
    ):
        qemu_img.convert(qemu_img.OpenImage(file, "vdi", 1 << 30), target, lambda *_: None)
    told = " ".join(raised.value.summary.split())
    if os.geteuid() == 0:
        assert "uid 65534 groups 65534" in told
    if qemu_img.without_network():
        assert "links lo" in told
    assert "CapInh: 0000000000000000 CapEff: 0000000000000000 NoNewPrivs: 1" in told
    assert "cpu time 188 193 seconds" in told
    assert "address space 2147483648 2147483648 bytes" in told
    files = sorted(map(str, ("/dev/null", tool, tmp_path / "i", tmp_path / "new")))
    assert f"files {' '.join(files)} end" in told
    assert f"environment {' '.join(qemu_img.ENVIRONMENT)} end" in told
    assert "core file size 0 0 bytes" in told
    assert "open files 64 64 files" in told


@pytest.fixture
def vdi(tmp_path: Path) -> Path:
    return hostile.made(tmp_path / "i.vdi", "vdi")


def test_what_exists_is_not_overwritten(vdi: Path, tmp_path: Path) -> None:
    (tmp_path / "new").symlink_to("nowhere")
    with pytest.raises(LabctlError, match="exists already"):
        imported(vdi, tmp_path / "new")


def test_a_disk_may_be_bigger_than_is_wanted(vdi: Path, tmp_path: Path) -> None:
    with pytest.raises(LabctlError, match=f"a disk of {DISK} bytes, more than the {DISK - 1} allowed"):
        convert(vdi, tmp_path / "new", print, limit_bytes=DISK - 1)


def test_what_cannot_be_read_or_written_is_named(vdi: Path, tmp_path: Path) -> None:
    with pytest.raises(LabctlError, match=f"{tmp_path}/none: can't read the image: No such file"):
        imported(tmp_path / "none", tmp_path / "new")
    with pytest.raises(LabctlError, match=f"{tmp_path}/no/new: can't write the image: No such file"):
        imported(vdi, tmp_path / "no" / "new")
    with pytest.raises(LabctlError, match="not a regular file"):
        imported(tmp_path, tmp_path / "new")


def test_what_is_converted_is_what_was_looked_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raw: Path
) -> None:
    """Another user writes to the file after each look at it."""
    source, other = tmp_path / "i.vdi", tmp_path / "other.vdi"
    hostile.qemu_img("convert", "-f", "raw", "-O", "vdi", raw, source)
    hostile.qemu_img("create", "-q", "-f", "vdi", other, DISK)
    looked, looks = convertible.inspect_file, []

    def swapping(file: BinaryIO, size: int, where: str) -> ConvertibleImage:
        found = looked(file, size, where)
        file.seek(0)
        looks.append(file.read())
        source.write_bytes(other.read_bytes())
        return found

    monkeypatch.setattr(convertible, "inspect_file", swapping)
    imported(source, tmp_path / "new")
    (tmp_path / "last.vdi").write_bytes(looks[-1])
    for name in ("new", "last.vdi"):
        hostile.qemu_img("convert", "-O", "raw", tmp_path / name, tmp_path / f"{name}.raw")
    assert (tmp_path / "new.raw").read_bytes() == (tmp_path / "last.vdi.raw").read_bytes()


def test_an_interrupted_import_leaves_nothing(vdi: Path, tmp_path: Path) -> None:
    def stopping(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(vdi, tmp_path / "new", stopping, limit_bytes=DISK)
    assert list(tmp_path.iterdir()) == [vdi]


def test_what_qemu_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    """A wrong checksum is not looked at here."""
    good = hostile.made(tmp_path / "i.vhdx", "vhdx")
    damaged = hostile.patched(good, "damaged.vhdx", (196608 + 4, b"\xaa\xbb"))
    with pytest.raises(LabctlError, match=r"damaged.vhdx: qemu-img can't use the image \(1\):\nqemu-img: "):
        imported(damaged, tmp_path / "new")


def test_no_more_is_written_than_the_disk_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the header have told the parser less than it tells QEMU."""
    monkeypatch.setattr(qemu_img, "SPARE_BYTES", 0)
    with (
        hostile.made(tmp_path / "i.vdi", "vdi").open("rb") as file,
        (tmp_path / "new").open("w+b") as target,
        pytest.raises(LabctlError, match=r"takes too much space|File too large"),
    ):
        qemu_img.convert(qemu_img.OpenImage(file, "vdi", 1 << 16), target, lambda *_: None)


def test_qemu_compares_a_qcow2s_tables(tmp_path: Path) -> None:
    path = hostile.made(tmp_path / "i.qcow2", "qcow2")
    damaged = hostile.patched(path, "damaged.qcow2", (2 * 65536, b"\0\0"))  # the header's refcount
    leaking = hostile.patched(path, "leaking.qcow2", (2 * 65536 + 20, b"\0\1"))  # of a cluster behind the end
    leaking.write_bytes(leaking.read_bytes().ljust(16 * 65536, b"\0"))

    def checked(path: Path) -> None:
        header = inspect(path)
        with path.open("rb") as file:
            qemu_img.check(qemu_img.OpenImage(file, header.format, header.virtual_size))

    checked(path)
    checked(leaking)
    with pytest.raises(LabctlError, match=r"can't use the image \(2\):"):
        checked(damaged)
