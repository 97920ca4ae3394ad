"""The remote shell of an rsync that has a guest's port instead of SSH: a program of its own, which rsync starts.

`python -I rsync_shell.py SOCKET HOST COMMAND…` gives the command to who listens at the socket, and passes on both
directions. It has no module but Python's own.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from contextlib import suppress

_PIECE_BYTES = 65536


def main(argv: list[str]) -> None:
    """Run it. What fails at the other end shows as an early end here, which rsync tells of."""
    path, _host, *command = argv
    with socket.socket(socket.AF_UNIX) as there:
        there.connect(path)
        there.sendall(json.dumps(command).encode() + b"\n")
        threading.Thread(target=_send, args=(there,), daemon=True).start()
        while piece := there.recv(_PIECE_BYTES):
            _write(piece)


def _send(there: socket.socket) -> None:
    with suppress(OSError):
        while piece := os.read(0, _PIECE_BYTES):
            there.sendall(piece)
        there.shutdown(socket.SHUT_WR)
    os.close(0)  # rsync is not left waiting for somebody to read


def _write(piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        left = left[os.write(1, left) :]


if __name__ == "__main__":
    main(sys.argv[1:])
