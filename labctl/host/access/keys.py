"""The lab's own keys, in `.labctl/<lab>/` beside the Labfile: 0700 the folder, 0600 the files, shared with nobody."""

from __future__ import annotations

import hashlib
import threading
from contextlib import suppress
from pathlib import Path

from labctl.core.errors import LabctlError
from labctl.host.files import local
from labctl.host.files.private import private_folder, write_private

_reading = local.told("can't read the lab's keys")
_writing = local.told("can't keep the lab's keys")


class Keys:
    """Makes what is missing and keeps what is there. LabctlError where the folder is another user's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    @property
    def login(self) -> Path:
        """Where the private login key is (or will be)."""
        return self.folder / "id_ed25519"

    def login_public(self) -> str:
        return self._public(self.login, "labctl")

    @_reading
    def host(self, vm: str) -> tuple[str, str]:
        """The host key of a VM: private and public, in OpenSSH's formats."""
        path = self.folder / "host-keys" / vm
        public = self._public(path, vm)
        return path.read_text(), public

    @_reading
    def has_login(self) -> bool:
        return self.login.exists()

    @_reading
    def known_host(self, vm: str) -> str | None:
        """The public host key where it is known here; nothing is made."""
        path = self.folder / "host-keys" / f"{vm}.pub"
        return path.read_text().strip() if path.exists() else None

    @_reading
    def knows(self, vm: str) -> bool:
        """Whether all that a login to this VM takes is here."""
        return self.login.exists() and self.known_host(vm) is not None

    def mark(self, vm: str) -> str:
        """Stand for the public keys that a login to this VM takes; empty where one is not here."""
        try:
            login = self.login.with_suffix(".pub").read_bytes()
            host = (self.folder / "host-keys" / f"{vm}.pub").read_bytes()
        except OSError:
            return ""
        return hashlib.sha256(login + host).hexdigest()[:16]

    @_reading
    def known(self) -> frozenset[str]:
        """The VMs of which that is so."""
        files = (self.folder / "host-keys").glob("*.pub") if self.login.exists() else ()
        return frozenset(file.stem for file in files)

    def forget(self, vm: str) -> None:
        """Drop a removed VM's host key: a new VM of that name gets its own. Another user's files stay."""
        for suffix in ("", ".pub"):
            with suppress(PermissionError):
                (self.folder / "host-keys" / f"{vm}{suffix}").unlink(missing_ok=True)

    @_reading
    def secret(self) -> bytes | None:
        """The key of digests, None where it is not there."""
        path = self.folder / "digest.key"
        return path.read_bytes() if path.exists() else None

    @_writing
    def keep_secret(self, secret: bytes) -> None:
        if self.secret() is None:
            write_private(self.folder / "digest.key", secret)

    @_writing
    def _public(self, path: Path, comment: str) -> str:
        with self._lock:
            public = path.with_name(f"{path.name}.pub")
            if not (path.exists() and public.exists()):
                _generate(path, comment)
            return public.read_text().strip()


def _generate(path: Path, comment: str) -> None:
    """Make an ed25519 key with OpenSSH's own tool, in a folder of its own, then move it to its place."""
    import subprocess  # most runs make no keys
    import tempfile

    private_folder(path.parent)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / "key"
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(made)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise LabctlError("ssh-keygen is missing", hint="apt-get install openssh-client") from error
        except subprocess.CalledProcessError as error:
            raise LabctlError(f"ssh-keygen failed: {error.stderr.strip()}", where=str(path)) from error
        made.with_suffix(".pub").replace(path.with_name(f"{path.name}.pub"))
        made.replace(path)
