"""The keys of a lab, in `.labctl/<lab>/` beside the Labfile. The folder has mode 0700, the files 0600."""

from __future__ import annotations

import hashlib
import threading
from contextlib import suppress
from pathlib import Path

from labctl.core.errors import LabctlError
from labctl.host.files import os_errors
from labctl.host.files.private import private_folder, write_private

_reading = os_errors.translated("can't read the lab's keys")
_writing = os_errors.translated("can't keep the lab's keys")


class Keys:
    """The keys in one folder. A key is generated when it is first needed.

    Methods raise LabctlError if the folder belongs to another user.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    @property
    def login(self) -> Path:
        """The path of the private login key, which may not exist yet."""
        return self.folder / "id_ed25519"

    def login_public(self) -> str:
        """The public login key. A missing key pair is generated."""
        return self._public(self.login, "labctl")

    @_reading
    def host(self, vm: str) -> tuple[str, str]:
        """The private and the public host key of a VM, in OpenSSH's formats. A missing key pair is generated."""
        path = self.folder / "host-keys" / vm
        public = self._public(path, vm)
        return path.read_text(), public

    @_reading
    def has_login(self) -> bool:
        """Whether the login key exists."""
        return self.login.exists()

    @_reading
    def known_host(self, vm: str) -> str | None:
        """The public host key of a VM, or None. Nothing is generated."""
        path = self.folder / "host-keys" / f"{vm}.pub"
        return path.read_text().strip() if path.exists() else None

    @_reading
    def knows(self, vm: str) -> bool:
        """Whether the login key and the host key of this VM exist, which a login needs."""
        return self.login.exists() and self.known_host(vm) is not None

    def mark(self, vm: str) -> str:
        """A short digest of the public keys that a login to this VM needs; empty if one of them is missing."""
        try:
            login = self.login.with_suffix(".pub").read_bytes()
            host = (self.folder / "host-keys" / f"{vm}.pub").read_bytes()
        except OSError:
            return ""
        return hashlib.sha256(login + host).hexdigest()[:16]

    @_reading
    def known(self) -> frozenset[str]:
        """The VMs that `knows` is true of."""
        files = (self.folder / "host-keys").glob("*.pub") if self.login.exists() else ()
        return frozenset(file.stem for file in files)

    def forget(self, vm: str) -> None:
        """Delete the host key of a removed VM: a new VM of that name gets another. Another user's files stay."""
        for suffix in ("", ".pub"):
            with suppress(PermissionError):
                (self.folder / "host-keys" / f"{vm}{suffix}").unlink(missing_ok=True)

    @_reading
    def secret(self) -> bytes | None:
        """The key of keyed digests, or None."""
        path = self.folder / "digest.key"
        return path.read_bytes() if path.exists() else None

    @_writing
    def keep_secret(self, secret: bytes) -> None:
        """Write the key of keyed digests, unless there is one."""
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
    """Generate an ed25519 key pair with ssh-keygen. Only whole files get to their place."""
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
