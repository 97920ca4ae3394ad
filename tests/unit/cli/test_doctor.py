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


def test_advice_is_broken_at_spaces_and_the_commands_in_it_are_not():
    check = Check("kvm", "warn", "it can't be opened", advice="`sudo usermod -aG kvm me`, then log in again")
    assert line(check, Paint(), 60).split("\n") == [
        "! kvm              warn  it can't be opened",
        "                         mend it: `sudo usermod -aG kvm me`,",
        "                         then log in again",
    ]
    assert check.to_json()["fix"] == check.advice


def test_advice_beside_a_command_is_wrapped_alone():
    check = Check(
        "pasta", "warn", "not found", "sudo apt-get install passt", "ask whoever administers this machine"
    )
    assert line(check, Paint(), 55).split("\n") == [
        "! pasta            warn  not found",
        "                         mend it: sudo apt-get install passt",
        "                         ask whoever administers this",
        "                         machine",
    ]
    assert check.to_json()["fix"] == "sudo apt-get install passt"
    assert "mend it" not in line(Check("kvm", "warn", "not there"), Paint(), 55)
