"""`labctl image` as its users meet it, on the private libvirtd and a vendor of our own on loopback."""

import hashlib
import json
import lzma
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from labctl.host.libvirt import pools, volumes
from labctl.host.machine import lock as lock_file
from labctl.kinds.image.spec import POOL
from tests import disks, schemas
from tests.answers import MIB, Answer, after, by_path, head, serving
from tests.e2e.conftest import Labctl
from tests.e2e.harness import daemons
from tests.e2e.labfiles import micro_lab
from tests.pools import remove
from tests.waiting import opened


@pytest.fixture(autouse=True)
def store(connection, server, monkeypatch, tmp_path):
    """An empty store, cache and configuration; the server's authority is trusted."""
    monkeypatch.setenv("LABCTL_CONFIG_DIR", str(tmp_path / "config"))
    remove(connection, POOL)
    yield
    remove(connection, POOL)


@pytest.fixture
def vendor(server, tmp_path):
    """Publishes `disk.img` with its checksum file, under the name `acme`; call it with new content."""

    def publishes(content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        sums = f"{digest}  disk.img\n".encode()
        server.answers = [by_path({"disk.img": serving(content), "SHA256SUMS": serving(sums)})]
        return digest

    sums = server.url.replace("disk.img", "SHA256SUMS")
    entry = f"acme: {{url: '{server.url}', checksums: '{sums}', format: coreutils sha256, memory: 64MiB}}\n"
    (tmp_path / "config/images").mkdir(parents=True)
    (tmp_path / "config/images/acme.yaml").write_text(entry)
    return publishes


def image(path: Path, size: str = "64M", form: str = "qcow2") -> Path:
    subprocess.run(["qemu-img", "create", "-q", "-f", form, path, size], check=True)
    return path


def lab(image: object, name: str = "t") -> str:
    vm = {"image": image, "state": "off", "cloud_init": False, "memory": "64MiB"}
    return json.dumps({"labfile": 1, "name": name, "vms": {"a": vm}})


@pytest.fixture
def here(labdir, labctl):
    """The folder of a lab that is destroyed at the end."""
    yield labdir
    if (labdir / "Labfile.yaml").exists():
        labctl("destroy", "--yes")


def ok(labctl: Labctl, *words: str) -> str:
    finished = labctl(*words)
    assert finished.code == 0, f"labctl {' '.join(words)}: {finished}"
    return finished.stdout


def stored(labctl: Labctl) -> dict[str, dict]:
    """What is in the store, by name; what is printed is of the form that is promised."""
    document = json.loads(ok(labctl, "image", "list", "--json"))
    schemas.fits(document, "images")
    every = document["images"]
    return {each["name"]: each for each in every if each["digest"]}


def lock(folder: Path) -> dict:
    return json.loads((folder / "Labfile.lock").read_text())["images"]


def test_a_file_becomes_an_image_with_a_name(labctl, here):
    disk = image(here / "a.qcow2")
    assert labctl("image", "import", "a.qcow2", "Golden").code == 2
    ok(labctl, "image", "import", "a.qcow2", "golden")
    disk.unlink()
    (here / "Labfile.yaml").write_text(lab("golden"))
    ok(labctl, "up", "--yes")
    assert lock(here)["golden"]["x86_64"]["digest"] == stored(labctl)["golden"]["digest"]
    assert stored(labctl)["golden"]["users"] == ["labctl-t/a.root"]
    shown = json.loads(ok(labctl, "image", "show", "golden", "--json"))
    schemas.fits(shown, "images")
    assert shown["images"][0]["catalogue"]["digests"]["x86_64"] == stored(labctl)["golden"]["digest"]
    refused = labctl("image", "remove", "golden", "--yes")
    assert (refused.code, "labctl-t/a.root" in refused.stderr) == (1, True)
    ok(labctl, "destroy", "--yes")
    ok(labctl, "image", "remove", "golden", "--yes")
    gone = labctl("plan")
    assert (gone.code, "no image is called golden" in gone.stderr) == (2, True)


@pytest.mark.parametrize("form", ["vmdk", "vdi", "vhdx"])
def test_foreign_formats_are_converted_only_when_asked(labctl, here, form):
    image(here / f"a.{form}", "64M", form)
    refused = labctl("image", "import", f"a.{form}", "foreign")
    assert (refused.code, "--convert" in refused.stderr) == (1, True)
    ok(labctl, "image", "import", f"a.{form}", "foreign", "--convert")
    (here / "Labfile.yaml").write_text(lab("foreign"))
    ok(labctl, "up", "--yes")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((".", "x", "--convert"), 1, "not a regular file"),
        (("/", "x", "--convert"), 1, "not a regular file"),
        (("a.qcow2", "x", "--arch", "amd64"), 2, "there are no images for the architecture amd64"),
        (("a.qcow2", "none"), 2, "none can't be an image's name"),
    ],
)
def test_an_import_that_can_not_be_meant_changes_nothing(labctl, here, words, code, message):
    """An entry that the catalogue's own schema refuses would be the end of every later command."""
    image(here / "a.qcow2")
    refused = labctl("image", "import", *words)
    assert (refused.code, message in refused.stderr) == (code, True), refused
    assert stored(labctl) == {}


def test_an_imported_image_that_the_store_lost_is_told_before_anything_happens(labctl, here):
    image(here / "a.qcow2")
    ok(labctl, "image", "import", "a.qcow2", "golden")
    ok(labctl, "image", "prune", "--yes")
    (here / "Labfile.yaml").write_text(lab("golden"))
    refused = labctl("up", "--yes")
    assert (refused.code, "was imported, and is not in the store" in refused.stderr) == (2, True)


def test_what_a_lab_uses_is_pinned_until_it_is_updated(labctl, here, vendor, server, tmp_path):
    """The vendor publishes something else under the same address: the lab stays what it is, and says so elsewhere."""
    old = vendor(image(here / "old.qcow2").read_bytes())
    (here / "Labfile.yaml").write_text(lab("acme"))
    unpinned = labctl("up", "--yes", "--locked")
    assert (unpinned.code, "not in Labfile.lock" in unpinned.stderr) == (2, True)
    ok(labctl, "up", "--yes")
    pin = {"digest": f"sha256:{old}", "origin": server.url, "size": 64 * MIB}
    assert lock(here) == {"acme": {"x86_64": pin}}

    new = vendor(image(here / "new.qcow2", "65M").read_bytes())
    assert "nothing to do" in ok(labctl, "plan", "--locked")
    (here / "Labfile.lock").rename(here / "kept.lock")
    assert "nothing to do" in ok(labctl, "plan")  # the disks' own image, without a question to the vendor
    (here / "kept.lock").rename(here / "Labfile.lock")

    other = tmp_path / "other machine"
    other.mkdir()
    (other / "Labfile.yaml").write_text(lab("acme", "other"))
    (other / "Labfile.lock").write_text((here / "Labfile.lock").read_text())
    ok(labctl, "destroy", "--yes")
    ok(labctl, "image", "remove", "acme", "--yes")
    failed = Labctl(other)("up", "--yes")
    assert failed.code == 1
    assert old in failed.stderr
    assert new in failed.stderr
    assert lock(other) == {"acme": {"x86_64": pin}}

    changes = json.loads(ok(Labctl(other), "image", "update", "--json"))["changes"]
    assert [(each["before"], each["after"]) for each in changes] == [(f"sha256:{old}", f"sha256:{new}")]
    ok(Labctl(other), "up", "--yes", "--locked")
    ok(Labctl(other), "destroy", "--yes")


def test_a_path_keeps_to_what_was_pinned(labctl, here):
    image(here / "a.qcow2")
    (here / "Labfile.yaml").write_text(lab("./a.qcow2"))
    ok(labctl, "up", "--yes")
    image(here / "a.qcow2", "65M")
    assert "nothing to do" in ok(labctl, "plan")
    assert "+" not in ok(labctl, "image", "update").replace("a.qcow2", "")
    assert "-/+ disk/a/root" in ok(labctl, "plan")


def test_ten_labs_on_a_cold_cache_make_one_request(labctl, here, server, tmp_path):
    content = image(here / "a.qcow2").read_bytes()
    everyone = threading.Event()
    server.answers = [after(everyone, serving(content))]
    source = {"url": server.url, "sha256": hashlib.sha256(content).hexdigest()}
    labs = [tmp_path / f"lab-{number}" for number in range(10)]
    for number, folder in enumerate(labs):
        folder.mkdir()
        (folder / "Labfile.yaml").write_text(lab(source, f"t{number}"))
    runs = [Labctl(folder).start("up", "--yes") for folder in labs]
    # One of them has its lock, and the others wait for that
    turn = lock_file.path(f"image sha256-{source['sha256']} on qemu:///system")
    daemons.wait_until(lambda: all(opened(turn, run.pid) for run in runs), "not all of them want the image")
    everyone.set()
    told = [run.communicate(timeout=120)[1] for run in runs]
    assert [run.returncode for run in runs] == [0] * len(runs), told
    assert len(server.requests) == 1
    for folder in labs:
        ok(Labctl(folder), "destroy", "--yes")


@pytest.mark.parametrize("stage", ["downloading", "unpacking", "uploading", "verifying"])
def test_a_kill_at_any_stage_is_made_good_by_the_next_run(labctl, here, server, stage):
    """Kill -9 in the middle of a download, of its decompression, of the upload: `up` completes, and once."""
    raw = disks.BOOT_SECTOR + os.urandom(96 * MIB)
    packed = lzma.compress(raw, preset=0)
    server.answers = [serving(packed)]
    source = {"url": server.url, "sha256": hashlib.sha256(packed).hexdigest()}
    (here / "Labfile.yaml").write_text(lab(source))
    victim = labctl.start("up", "--yes", "--json")
    for line in victim.stdout:
        if stage in line:
            break
    victim.kill()
    victim.communicate()
    assert stored(labctl) == {}
    ok(labctl, "up", "--yes")
    (found,) = stored(labctl).values()
    assert found["size_bytes"] == len(raw)
    assert "sound" in ok(labctl, "image", "verify")


def test_a_damaged_image_is_found(labctl, here, connection):
    image(here / "a.qcow2")
    ok(labctl, "image", "import", "a.qcow2", "golden")
    pool = pools.require(connection, POOL)
    volume = next(name for name in volumes.names(pool) if name.endswith(".img"))
    with Path(volumes.path(pool, volume)).open("r+b") as file:
        file.seek(100)
        file.write(b"\1")
    verified = labctl("image", "verify")
    assert (verified.code, "DAMAGED" in verified.stdout) == (1, True)


def test_prune_removes_what_nothing_needs(labctl, here):
    """Neither disks nor locks; what is left of runs that were killed goes too."""
    for name in ("used", "pinned", "needless"):
        with image(here / f"{name}.qcow2").open("ab") as file:
            file.write(name.ljust(512).encode())
        ok(labctl, "image", "import", f"{name}.qcow2", name)
    (here / "Labfile.yaml").write_text(lab("pinned"))
    ok(labctl, "up", "--yes")
    ok(labctl, "destroy", "--yes")
    other = here / "other"
    other.mkdir()
    (other / "Labfile.yaml").write_text(lab("used", "other"))
    ok(Labctl(other), "up", "--yes")
    (other / "Labfile.lock").unlink()
    refused = labctl("image", "prune")
    assert (refused.code, "--yes" in refused.stderr) == (2, True)
    pruned = json.loads(ok(labctl, "image", "prune", "--yes", "--json"))
    assert [each["what"].split()[1] for each in pruned["removed"]] == ["needless"]
    assert pruned["freed_bytes"] > 0
    assert sorted(stored(labctl)) == ["pinned", "used"]
    ok(Labctl(other), "destroy", "--yes")


def test_an_image_is_in_use_although_the_pool_of_its_disks_is_stopped(labctl, here, connection):
    image(here / "a.qcow2")
    (here / "Labfile.yaml").write_text(lab("./a.qcow2"))
    ok(labctl, "up", "--yes")
    (here / "Labfile.lock").unlink()
    for verb in (("remove", "a.qcow2"), ("prune",)):
        connection.storagePoolLookupByName("labctl-t").destroy()
        labctl("image", *verb, "--yes")
    assert stored(labctl)["a.qcow2"]["users"] == ["labctl-t/a.root"]


def test_a_base_without_its_marker_is_no_leftover(labctl, here, connection):
    image(here / "a.qcow2")
    (here / "Labfile.yaml").write_text(lab("./a.qcow2"))
    ok(labctl, "up", "--yes")
    pool = pools.require(connection, POOL)
    (base,) = (name for name in volumes.names(pool) if name.endswith(".img"))
    volumes.delete(pool, base.replace(".img", ".ok"))
    (here / "Labfile.lock").unlink()
    ok(labctl, "image", "prune", "--yes")
    assert base in volumes.names(pool)


def test_a_labfile_is_the_same_from_another_folder(labctl, here):
    """Also when the path leads up, or through a link."""
    image(here / "a.qcow2")
    (here / "Labfile.yaml").write_text(lab("./a.qcow2"))
    (here / "other").mkdir()
    (here / "other/link").symlink_to(here)
    other = Labctl(here / "other")
    ok(other, "-f", "../Labfile.yaml", "up", "--yes")
    assert "nothing to do" in ok(labctl, "plan", "--locked")
    assert "nothing to do" in ok(other, "-f", "link", "plan")


def test_nothing_is_removed_of_several_when_one_is_in_use(labctl, here):
    for name, size in (("used", "64M"), ("free", "65M")):
        ok(labctl, "image", "import", str(image(here / f"{name}.qcow2", size)), name)
    (here / "Labfile.yaml").write_text(lab("used"))
    ok(labctl, "up", "--yes")
    assert labctl("image", "remove", "free", "used", "--yes").code == 1
    assert sorted(stored(labctl)) == ["free", "used"]


def test_what_prune_could_not_remove_is_not_told_as_removed(labctl, here, connection, tmp_path):
    """An answer takes its time: what was stored, or taken into use, since it was shown stays."""
    for name, size in (("early", "64M"), ("late", "65M"), ("idle", "66M")):
        ok(labctl, "image", "import", str(image(here / f"{name}.qcow2", size)), name)
    pool = pools.require(connection, POOL)
    late = stored(labctl)["late"]["digest"].replace(":", "-")
    marker = volumes.download(connection, pool, f"{late}.ok")
    volumes.delete(pool, f"{late}.ok")
    (here / "Labfile.yaml").write_text(lab("early"))

    def meanwhile() -> None:
        ok(labctl, "up", "--yes")
        volumes.upload(connection, pool, f"{late}.ok", marker, length=len(marker), mode=0o644)

    code, told = at_a_terminal(here, ("image", "prune", "--json"), "[y/N]", meanwhile)
    document = json.loads(told[told.index("{") :])
    assert (code, [each["what"].split()[1] for each in document["removed"]]) == (0, ["idle"])
    assert sorted(stored(labctl)) == ["early", "late"]


def test_what_is_not_removed_is_not_told_as_removed(labctl, here):
    ok(labctl, "image", "import", str(image(here / "a.qcow2")), "golden")
    _, told = at_a_terminal(here, ("image", "prune", "--json"), "[y/N]", lambda: None, answer="n")
    assert json.loads(told[told.index("{") :]) == {"format": 1, "removed": [], "freed_bytes": 0}


def at_a_terminal(
    folder: Path, words: tuple[str, ...], question: str, meanwhile: Callable[[], None], answer: str = "y"
) -> tuple[int, str]:
    """Run labctl where someone answers a question, after something else happened; its exit code and all it wrote."""
    ours, its = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "labctl", *words]
    run = subprocess.Popen(command, cwd=folder, env=environment, stdin=its, stdout=its, stderr=its)
    os.close(its)
    told = ""
    with suppress(OSError):  # EIO is how a terminal tells that the other side is closed
        while part := os.read(ours, 4096).decode():
            told += part
            if question in told:
                meanwhile()
                os.write(ours, f"{answer}\n".encode())
                question, told = "\0", ""
    os.close(ours)
    return run.wait(timeout=60), told


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!doctype html><p>Log in first</p>".ljust(512), "an HTML or XML page, not an image"),
        (b"QFI\xfb\0\0\0\x03", "truncated qcow2"),
        (b"x" * 1000, "no multiple of 512"),
    ],
)
def test_what_is_no_image_is_not_kept(labctl, here, server, content, message):
    server.answers = [serving(content)]
    source = {"url": server.url, "sha256": hashlib.sha256(content).hexdigest()}
    (here / "Labfile.yaml").write_text(lab(source))
    failed = labctl("up", "--yes")
    assert failed.code == 1
    assert message in failed.stderr
    assert stored(labctl) == {}
    assert not (here / "Labfile.lock").exists()


def test_a_file_that_was_cut_off_is_found_although_its_header_is_whole(labctl, here):
    raw = disks.raw(here / "a.raw", data=os.urandom(8 * MIB))
    cut = here / "cut.qcow2"
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, cut], check=True)
    os.truncate(cut, cut.stat().st_size - 2 * MIB)
    failed = labctl("image", "import", "cut.qcow2", "cut")
    assert failed.code == 1
    assert "qemu-img can't use the image" in failed.stderr
    assert stored(labctl) == {}


def test_an_image_that_does_not_fit_is_refused_before_anything_happens(labctl, here, connection):
    folder = Path(pools.root(connection)) / POOL
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4M", "tmpfs", folder], check=True)
    try:
        disks.raw(here / "a.raw", data=os.urandom(8 * MIB - 512))
        (here / "Labfile.yaml").write_text(lab("./a.raw"))
        refused = labctl("up", "--yes")
        told = "the images to store take 8MiB, and 4MiB are free" in refused.stderr
        assert (refused.code, told) == (1, True), refused
        assert POOL not in [pool.name() for pool in connection.listAllStoragePools()]
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def test_a_disk_that_is_smaller_than_its_image_is_told_beforehand(labctl, here):
    image(here / "a.qcow2")
    document = json.loads(lab("./a.qcow2"))
    document["vms"]["a"]["disk"] = "32MiB"
    (here / "Labfile.yaml").write_text(json.dumps(document))
    refused = labctl("up", "--yes")
    assert (refused.code, "less than the image's 64MiB" in refused.stderr) == (2, True)


def test_a_stopped_vm_becomes_a_golden_image(make_lab, micro):
    """What was put on its disk is there, its keys and its identity are not; it stays as it is itself."""
    back = {"back": {"mode": "isolated", "subnet": "10.90.1.0/24"}}
    made = make_lab(micro_lab("shop", micro, networks=back, vms={"web": {"networks": ["back"]}}))
    made.up()
    made.ssh("web", "echo kept >/srv/kept; cat /etc/dropbear/dropbear_ed25519_host_key | md5sum >/srv/key")
    running = made.run("image", "build", "--from", "web", "golden")
    assert (running.code, "labctl halt web" in running.stderr) == (1, True)
    made.ok("halt")
    made.ok("image", "build", "--from", "vm/web", "golden")
    assert made.plan() == {"vm/web": ["update", "state", "ready"]}
    made.content["vms"]["new"] = {"networks": ["back"], "image": "golden"}
    made.up()
    assert made.ssh("new", "cat /srv/kept") == "kept\n"
    assert made.ssh("new", "cat /var/lib/cloud/instance-id") != made.ssh(
        "web", "cat /var/lib/cloud/instance-id"
    )
    assert made.ssh("new", "md5sum </etc/dropbear/dropbear_ed25519_host_key") != made.ssh(
        "new", "cat /srv/key"
    )
    assert made.ssh("new", "hostname") == "new\n"


def test_ctrl_c_ends_a_download_and_the_next_run_goes_on_with_it(labctl, here, server):
    """Not after the whole file came, as of a call in flight; what came is kept."""
    content = disks.BOOT_SECTOR + os.urandom(64 * MIB)
    server.answers = [dripping(content), serving(content)]
    source = {"url": server.url, "sha256": hashlib.sha256(content).hexdigest()}
    (here / "Labfile.yaml").write_text(lab(source))
    run = labctl.start("up", "--yes", "--json")
    while '"downloading"' not in run.stdout.readline():
        pass
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=60)
    assert run.returncode == 130
    ok(labctl, "up", "--yes")
    assert server.requests[-1].startswith("bytes=")


def dripping(content: bytes) -> Answer:
    """The content, so slowly that an interruption comes in the middle: at its whole pace it would be there too soon."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        head(request, 200, len(content))
        for start in range(0, len(content), MIB):
            request.wfile.write(content[start : start + MIB])
            time.sleep(0.5)

    return answer
