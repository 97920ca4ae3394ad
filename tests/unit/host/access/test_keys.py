"""A lab's keys."""

import os
import stat
import subprocess

import pytest

from labctl.core.errors import LabctlError
from labctl.host.access.keys import Keys
from labctl.host.files.lab_folder import LabFolder


@pytest.fixture
def keys(tmp_path):
    return Keys(LabFolder(tmp_path, "shop"))


def test_a_pair_is_made_once_for_its_owner_alone(keys, tmp_path):
    before = os.umask(0)
    try:
        private, public = keys.host("web")
    finally:
        os.umask(before)
    assert keys.host("web") == (private, public)
    assert public.startswith("ssh-ed25519 ")
    folder = tmp_path / ".labctl/shop/host-keys"
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "web": 0o600,
        "web.pub": 0o600,
    }
    told = subprocess.run(
        ["ssh-keygen", "-y", "-f", folder / "web"], check=True, capture_output=True, text=True
    )
    assert told.stdout.split()[:2] == public.split()[:2]


def test_what_a_vm_needs_is_known_once_both_keys_are_there(keys):
    assert (keys.known(), keys.mark("web"), keys.knows("web")) == (frozenset(), "", False)
    keys.login_public()
    keys.host("web")
    assert (keys.known(), len(keys.mark("web")), keys.knows("web")) == ({"web"}, 16, True)
    keys.forget("web")
    assert (keys.known(), keys.mark("web"), keys.knows("web")) == (frozenset(), "", False)


def test_keys_that_are_anothers_are_an_error_that_names_them(keys, tmp_path):
    keys.login_public()
    os.chown(tmp_path / ".labctl", 54321, 54321)
    for use in (keys.secret, keys.known, keys.has_login, lambda: keys.known_host("web")):
        with pytest.raises(
            LabctlError, match=r"/\.labctl: labctl does not use it: it is uid 54321's"
        ) as caught:
            use()
        assert "run labctl as uid 54321" in caught.value.hint
    keys.forget("web")  # what `destroy` does; it stays


@pytest.mark.parametrize(
    "text", ["ssh-ed25519 AAAA web\n@cert-authority * ssh-ed25519 BBBB", "ssh-rsa AAAA", "", "\xff"]
)
def test_what_is_no_public_key_gets_into_no_other_file(keys, tmp_path, text):
    """It goes into known_hosts and into seeds."""
    keys.host("web")
    (tmp_path / ".labctl/shop/host-keys/web.pub").write_text(text)
    with pytest.raises(LabctlError, match="it is no public key"):
        keys.known_host("web")


def test_a_key_that_can_not_be_generated_is_told_and_leaves_nothing(keys, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "ssh-keygen").write_text(
        "#!/bin/sh\n: >\"$9\"; echo 'No space left on device' >&2; exit 255\n"
    )
    (tmp_path / "ssh-keygen").chmod(0o755)
    with pytest.raises(LabctlError, match="ssh-keygen failed: No space left on device"):
        keys.login_public()
    assert list((tmp_path / ".labctl/shop").iterdir()) == []
