"""What the inside of a user's own libvirt has in the place of the machine's."""

import subprocess
import sys

NAMESPACES = ("unshare", "--user", "--map-root-user", "--mount")
COVERED = "nameserver 169.254.1.1 nameserver 100::53 1"  # by one mount
COVER = """
import sys
from pathlib import Path
from labctl.host.rootless import contents
folder, machines = map(Path, sys.argv[1:])
for _ in sys.stdin:
    contents.cover_resolver(folder, machines)
    print(*machines.read_text().split(), Path("/proc/self/mountinfo").read_text().count(str(machines)), flush=True)
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

        assert covered() == COVERED
        new = tmp_path / "new"
        for address in ("192.0.2.2", "192.0.2.3"):
            new.write_text(f"nameserver {address}\n")
            new.replace(machines)
            assert covered() == COVERED
            assert covered() == COVERED
        inside.stdin.close()
    assert machines.read_text() == "nameserver 192.0.2.3\n"


def test_all_that_leaves_by_a_tun_has_one_address():
    """The kernel takes the rules, in the namespaces of a user."""
    program = "from labctl.host.rootless import contents; contents.have_one_address()"
    argv = [*NAMESPACES, "--net", "sh", "-c", f"{sys.executable} -c '{program}' && nft list ruleset"]
    listed = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert listed.returncode == 0, listed
    assert 'meta oifkind "tun" masquerade' in listed.stdout
