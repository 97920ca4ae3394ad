"""What `labctl doctor` prints."""

from labctl.cli.doctor import line
from labctl.host.machine.doctor.check import Check
from labctl.report.colour import Paint


def test_what_was_found_keeps_to_its_column_and_a_command_to_one_line():
    check = Check(
        "kvm", "warn", "/dev/kvm is not there: VMs are emulated", "sudo apt-get install -y kvm-tools"
    )
    assert line(check, Paint(), 50).split("\n") == [
        "! kvm              warn  /dev/kvm is not there:",
        "                         VMs are emulated",
        "                         mend it: sudo apt-get install -y kvm-tools",
    ]
    assert line(check, Paint()).count("\n") == 1
