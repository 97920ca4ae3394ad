"""What a micro guest has in its memory and on its disks: random bytes, and their digests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.labfiles import Lab

DATA, SHARED = "/dev/disk/by-id/virtio-data", "/dev/disk/by-id/virtio-shared"
# a process that has 1 MiB in its own memory alone; whoever asks for them gets the digest, or has them made anew
PROCESS = """\
anew() { kept=$(head -c 786432 /dev/urandom | base64); }
anew
while :; do
    read word </run/ask
    [ "$word" = anew ] && anew
    echo "$kept" | sha256sum >/run/answer
    mv /run/answer /run/told
done
"""
TELLS = "echo {} >/run/ask; until [ -s /run/told ]; do sleep 0.1; done"
ASK = f"rm -f /run/told; timeout 60 sh -c '{TELLS}'; cat /run/told"
RANDOM = "dd if=/dev/urandom of={} bs=1M count={} seek={} conv=notrunc 2>/dev/null"
DIGESTS = f"""\
sync; echo 3 >/proc/sys/vm/drop_caches
sha256sum /run/random /srv/random {DATA} {SHARED}"""


@dataclass(frozen=True)
class Contents:
    """Those of the VM `vm`, which has a disk `data` of 8 MiB and the volume `shared`, of 4 MiB, with `other`."""

    lab: Lab
    vm: str
    other: str

    def begin(self) -> None:
        self.lab.ok("ssh", self.vm, "--", f"mkfifo /run/ask; cat >/run/process <<'END'\n{PROCESS}END")
        self.lab.ssh(self.vm, "setsid sh /run/process >/dev/null 2>&1 </dev/null &")
        self._fill()

    def change(self) -> None:
        """All of them, and fill the root to the brim."""
        self.lab.ssh(self.vm, ASK.format("anew"))
        self._fill()
        full = self.lab.run("ssh", self.vm, "--", "cat /dev/zero >/srv/fill")
        assert "No space left on device" in full.stderr, full

    def _fill(self) -> None:
        """8 MiB of memory, 2 of a file, and the disks; the halves of the shared volume are of two guests."""
        places = [("/run/random", 8, 0), ("/srv/random", 2, 0), (DATA, 8, 0), (SHARED, 2, 0)]
        self.lab.ssh(self.vm, "; ".join(RANDOM.format(*each) for each in places) + "; sync")
        self.lab.ssh(self.other, f"{RANDOM.format(SHARED, 2, 2)}; sync")

    def digests(self) -> list[str]:
        """Of the bytes themselves, not of what the guest has of them in its cache."""
        return [*self.lab.ssh(self.vm, DIGESTS).splitlines(), self.lab.ssh(self.vm, ASK.format("tell"))]
