"""The command line: enter the private world, run CMD there, pass on its exit code."""

import os
import shutil
import sys

from tests.e2e.harness import backing, world
from tests.e2e.harness.namespaces import run_isolated

USAGE = "usage: python -m tests.e2e.harness [--] CMD [ARG ...]"


def main(argv: list[str]) -> int:
    command = argv[1:] if argv[:1] == ["--"] else argv
    if not command:
        print(USAGE, file=sys.stderr)
        return 2
    if os.geteuid() != 0:
        become_root(argv)
    with backing.folder() as folder:
        return run_isolated(lambda: world.enter(folder), command)


def become_root(argv: list[str]) -> None:
    """Namespaces, mounts and libvirtd need root; the environment is kept for pytest's and the tests' options."""
    if shutil.which("sudo") is None:
        sys.exit("the private libvirtd needs root, and there is no sudo")
    os.execvp("sudo", ["sudo", "-E", sys.executable, "-m", "tests.e2e.harness", *argv])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
