"""The keys of a lab, in `.labctl/<lab>/` beside the Labfile. The folder has mode 0700, the files 0600."""

from __future__ import annotations

import hashlib
import re
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.host.files.lab_folder import HOST_KEYS

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.host.files.lab_folder import LabFolder

_LOGIN, _SECRET = "id_ed25519", "digest.key"
_PUBLIC = re.compile(r"ssh-ed25519 [A-Za-z0-9+/]+=*( [\w.-]+)?")


class Keys:
    """The keys in a lab's folder. A key is generated when it is first needed.

    Methods raise LabctlError if the folder, or a file in it, is not as labctl makes it.
    """

    def __init__(self, folder: LabFolder) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    @property
    def login(self) -> Path:
        """The path of the private login key, which may not exist yet."""
        return self._folder.path / _LOGIN

    def login_public(self) -> str:
        """The public login key. A missing key pair is generated."""
        return self._pair(_LOGIN, "labctl")[1]

    def host(self, vm: str) -> tuple[str, str]:
        """The private and the public host key of a VM, in OpenSSH's formats. A missing key pair is generated."""
        return self._pair(_host_key(vm), vm)

    def keep_host(self, vm: str, private: str, public: str) -> None:
        """Write the host key of a VM whose guest has it already, unless there is one."""
        if self.known_host(vm) is None:
            self._folder.write(_host_key(vm), private.encode())
            self._folder.write(f"{_host_key(vm)}.pub", f"{public}\n".encode())

    def has_login(self) -> bool:
        """Whether the login key exists."""
        return self._folder.read(_LOGIN) is not None

    def known_host(self, vm: str) -> str | None:
        """The public host key of a VM, or None. Nothing is generated."""
        return self._public(_host_key(vm))

    def knows(self, vm: str) -> bool:
        """Whether the login key and the host key of this VM exist, which a login needs."""
        return self.has_login() and self.known_host(vm) is not None

    def mark(self, vm: str) -> str:
        """A short digest of the public keys that a login to this VM needs; empty if one of them is missing."""
        login, host = (self._folder.read(f"{name}.pub") for name in (_LOGIN, _host_key(vm)))
        if login is None or host is None:
            return ""
        return hashlib.sha256(login + host).hexdigest()[:16]

    def known(self) -> frozenset[str]:
        """The VMs that `knows` is true of."""
        names = self._folder.names(HOST_KEYS) if self.has_login() else []
        return frozenset(name.removesuffix(".pub") for name in names if re.fullmatch(r"[^.]+\.pub", name))

    def forget(self, vm: str) -> None:
        """Delete the host key of a removed VM: a new VM of that name gets another. What is not labctl's own stays."""
        for name in (_host_key(vm), f"{_host_key(vm)}.pub"):
            with suppress(LabctlError):
                self._folder.remove(name)

    def secret(self) -> bytes | None:
        """The key of keyed digests, or None."""
        return self._folder.read(_SECRET)

    def keep_secret(self, secret: bytes) -> None:
        """Write the key of keyed digests, unless there is one."""
        if self.secret() is None:
            self._folder.write(_SECRET, secret)

    def _pair(self, name: str, comment: str) -> tuple[str, str]:
        """The private and the public key, which are generated where one of them is missing."""
        with self._lock:
            private, public = self._folder.read(name), self._public(name)
            if private is None or public is None:
                self._folder.generate(
                    name, (".pub", ""), lambda at, temporary: _generate(at, temporary, comment)
                )
                private, public = self._folder.read(name), self._public(name)
        assert private is not None
        assert public is not None
        return private.decode(errors="replace"), public

    def _public(self, name: str) -> str | None:
        """A public key. It goes into files of other formats, so it has to be one line of that kind."""
        data = self._folder.read(f"{name}.pub")
        if data is None:
            return None
        text = data.decode(errors="replace").strip()
        if not _PUBLIC.fullmatch(text):
            where = str(self._folder.path / f"{name}.pub")
            raise LabctlError("it is no public key", where=where, hint="remove it: `labctl up` makes another")
        return text


def _host_key(vm: str) -> str:
    return f"{HOST_KEYS}/{vm}"


def _generate(folder: str, name: str, comment: str) -> None:
    """Generate an ed25519 key pair with ssh-keygen in a folder of this process."""
    import subprocess  # most runs make no keys

    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", name]
    try:
        subprocess.run(command, cwd=folder, umask=0o077, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise LabctlError("ssh-keygen is missing", hint="apt-get install openssh-client") from error
    except subprocess.CalledProcessError as error:
        raise LabctlError(f"ssh-keygen failed: {error.stderr.strip()}") from error
