"""What the inside of a user's own libvirt has in the place of the machine's."""

import subprocess
import sys

NAMESPACES = ("unshare", "--user", "--map-root-user", "--mount")
COVER = """
import sys
from pathlib import Path
from labctl.host.rootless import contents
folder, machines = map(Path, sys.argv[1:])
for _ in sys.stdin:
    contents.cover_resolver(folder, machines)
    print(machines.read_text().strip(), Path("/proc/self/mountinfo").read_text().count(str(machines)), flush=True)
"""


def test_names_are_asked_of_pasta_also_when_the_machine_replaced_its_file(tmp_path):
    machines = tmp_path / "resolv.conf"
    machines.write_text("nameserver 192.0.2.1\n")
    own = tmp_path / "own"
    own.mkdir()
    argv = [*NAMESPACES, sys.executable, "-c", COVER, str(own), str(machines)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as inside:

        def covered():
            print("again", file=inside.stdin, flush=True)
            return inside.stdout.readline().strip()

        assert covered() == "nameserver 169.254.1.1 1"
        new = tmp_path / "new"
        for address in ("192.0.2.2", "192.0.2.3"):
            new.write_text(f"nameserver {address}\n")
            new.replace(machines)
            assert covered() == "nameserver 169.254.1.1 1"
            assert covered() == "nameserver 169.254.1.1 1"
        inside.stdin.close()
    assert machines.read_text() == "nameserver 192.0.2.3\n"
