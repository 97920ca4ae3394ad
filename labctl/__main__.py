"""The entry point of the command line."""

from __future__ import annotations

import sys
from typing import NoReturn

from labctl.core.version import VERSION


def main() -> NoReturn:
    """Run the command line and leave with its exit code.

    `--version` is answered before anything else is imported: scripts ask it often.
    """
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"labctl {VERSION}\n")
        sys.exit(0)
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else the caller has it ignored
        # until `boundary` is there, nothing is to be cleaned up or told
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from labctl.cli.boundary import main

    main(sys.argv[1:])


if __name__ == "__main__":
    main()
