"""`python -m tests.odd CMD …`: run tests as somebody whose surroundings are strange; none of that may show in them.

The catalogue of images is the user's own and in part broken, home is not there, no cache can be written, everything
that could lead elsewhere does, and nobody else may read what is made.
"""

import os
import sys
import tempfile
from pathlib import Path

from tests.surroundings import prepared

NOWHERE = "/dev/null/nowhere"  # can be neither read nor made, by root neither
OWN_IMAGE = "mine: {description: converted by hand, digests: {x86_64: 'sha256:%s'}, memory: 1GiB}\n"
VARIABLES = {
    "HOME": NOWHERE,
    "LABCTL_CACHE_DIR": NOWHERE,
    "LABCTL_CONNECT": "nowhere:///",
    "LABCTL_SET_COUNT": "3",
    "LABCTL_SET_NAME": "other",
    "LIBVIRT_DEFAULT_URI": "nowhere:///",
    "LIBVIRT_DEBUG": "error",
    "VIRSH_DEFAULT_CONNECT_URI": "nowhere:///",
    "XDG_CACHE_HOME": NOWHERE,
    "XDG_DATA_HOME": NOWHERE,
    "XDG_RUNTIME_DIR": NOWHERE,
    "XDG_STATE_HOME": NOWHERE,
    "NO_COLOR": "1",
    "FORCE_COLOR": "1",
    "COLUMNS": "20",
    "LINES": "3",
    "TERM": "dumb",
    "LANG": "tr_TR.UTF-8",  # where an upper-case i has a dot
    "LANGUAGE": "de",
    "LC_ALL": "POSIX",
    "TZ": "Pacific/Chatham",  # 12:45 or 13:45 from UTC
    "PYTHONDONTWRITEBYTECODE": "1",
    "GIT_DIR": NOWHERE,
    "SSH_AUTH_SOCK": NOWHERE,
    "SSH_ASKPASS": "/bin/false",
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "SSL_CERT_FILE": NOWHERE,
    "POSIXLY_CORRECT": "1",
    "CDPATH": "/",
    "SUDO_USER": "nobody",
}


def main(command: list[str]) -> int:
    cache = str(prepared())  # before home is gone
    with tempfile.TemporaryDirectory(prefix="labctl-odd-") as folder:
        images = Path(folder) / "images"
        images.mkdir()
        (images / "imported.yaml").write_text(OWN_IMAGE % ("0" * 64), encoding="utf-8")
        (images / "broken.yaml").write_text("debian-12: [\n", encoding="utf-8")
        os.umask(0o077)
        environment = {**os.environ, **VARIABLES, "LABCTL_CONFIG_DIR": folder, "LABCTL_TESTS_CACHE": cache}
        return os.spawnvpe(os.P_WAIT, command[0], command, environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
