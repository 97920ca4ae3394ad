"""Images that an administrator has put where all users of a machine find them."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.labfiles import Lab, blank_lab

pytest_plugins = ["tests.e2e.people"]

NOWHERE = "https://127.0.0.1:9/router.qcow2"


@pytest.fixture
def folder():
    made = Path("/tmp/labctl-tests-images")
    made.mkdir()
    yield made
    shutil.rmtree(made)


@pytest.fixture
def image(folder):
    """A file in it, as root puts it there; gives its path and its digest."""
    path = folder / "router.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1M"], check=True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path.rename(folder / f"sha256-{digest}"), digest


def lab_of(user, digest):
    content = blank_lab("shop", networks={"front": {}}, vms={"web": {"networks": ["front"]}})
    content["defaults"] |= {"image": {"url": NOWHERE, "sha256": digest}, "cloud_init": False}
    return Lab(user.labctl(), content)


def test_one_with_the_digest_is_taken_without_a_download(alice, folder, image):
    path, digest = image
    before = path.stat()
    lab = lab_of(alice, digest)
    lab.ok_with({"LABCTL_IMAGES_DIR": str(folder)}, "up", "--yes")
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    stored = alice.home / ".local/share/labctl/rootless/lib/images/labctl-images"
    copies = [each for each in stored.iterdir() if hashlib.sha256(each.read_bytes()).hexdigest() == digest]
    assert [each.stat().st_uid for each in copies] == [alice.uid]
    lab.destroy()


@pytest.mark.parametrize("spoilt", ["another content", "closed", "a link to nothing"])
def test_one_that_is_of_no_use_is_named_where_the_download_fails_too(alice, folder, image, spoilt):
    path, digest = image
    if spoilt == "another content":
        path.write_bytes(path.read_bytes() + b"x")
    elif spoilt == "closed":
        path.chmod(0o600)
    else:
        path.unlink()
        path.symlink_to("nothing")
    refused = lab_of(alice, digest).run("up", "--yes", LABCTL_IMAGES_DIR=str(folder))
    assert refused.code == 1
    told = {"another content": "its content has another sha256", "closed": "can't read it: Permission denied"}
    assert (f"is not used: {path}: {told.get(spoilt)}" in refused.stderr) == (spoilt in told), refused.stderr
    lab_of(alice, digest).destroy()
