"""What lacks for a libvirt of one's own, and what mends it."""

import os
import shlex
import subprocess

import pytest

from labctl.core.record import replace
from labctl.host.machine import logout
from labctl.host.machine.doctor import rootless
from labctl.host.machine.doctor.check import Check, Distribution

DEBIAN = Distribution(0, "sudo ")
ASK = "ask whoever administers this machine, if you may not"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine that has all of it, as far as files say."""
    for folder in (*rootless.FOLDERS, "/etc", "/dev/net", "/proc/sys/user", "/proc/sys/kernel"):
        (tmp_path / folder[1:]).mkdir(parents=True, exist_ok=True)
    (tmp_path / "dev/net/tun").touch()
    (tmp_path / "proc/sys/user/max_user_namespaces").write_text("96365\n")
    for name in ("subuid", "subgid"):
        (tmp_path / "etc" / name).write_text("other:100000:65536\ndana:165536:65536\n")
    tool = tmp_path / "tool"
    tool.touch()
    tool.chmod(0o4755)
    monkeypatch.setattr(rootless.owners, "user", lambda: "dana")
    monkeypatch.setattr(rootless.command, "path", lambda _name: str(tool))
    monkeypatch.setattr(rootless.command, "output", lambda *_: " --map-auto  map all")
    monkeypatch.setattr(rootless, "TRY", ("true",))
    return tmp_path


def found(machine):
    """Whom to ask for a command of root's is advice beside it."""
    checks = list(rootless.checks(DEBIAN, machine))
    assert all((check.advice == ASK) == check.fix.startswith("sudo ") for check in checks)
    return {check.name: (check.verdict, check.found, check.fix or check.advice) for check in checks}


def test_a_machine_that_has_all_of_it(machine):
    verdicts = {name: verdict for name, (verdict, *_) in found(machine).items()}
    assert verdicts == dict.fromkeys(
        ("libvirtd", "uidmap", "subuid", "/dev/net/tun", "user namespaces", "pasta"), "ok"
    )


def test_missing_programs(machine, monkeypatch):
    monkeypatch.setattr(rootless.command, "path", lambda _name: None)
    checks = found(machine)
    assert checks["uidmap"] == ("fail", "newuidmap is not there", "sudo apt-get install uidmap")
    assert checks["libvirtd"][0] == "fail"
    assert checks["libvirtd"][2] == (
        "sudo apt-get install libvirt-daemon-system qemu-system-x86 dnsmasq-base"
    )
    assert checks["pasta"] == (
        "warn",
        "not found: labs work, but have no way out of this machine",
        "sudo apt-get install passt",
    )
    assert "user namespaces" not in checks  # to try it would tell nothing new


def test_a_program_without_its_right(machine):
    (machine / "tool").chmod(0o755)
    verdict, text, fix = found(machine)["uidmap"]
    assert (verdict, text) == ("fail", f"{machine / 'tool'} has lost its right to map uids")
    assert fix == f"sudo chmod u+s {machine / 'tool'}"


@pytest.mark.parametrize("line", ["", "dana:x:65536\n"])
def test_ranges_of_uids(machine, line):
    (machine / "etc/subgid").write_text(f"other:100000:65536\n{line}")
    checks = found(machine)
    assert "subuid" not in checks
    assert checks["subgid"] == (
        "fail",
        "/etc/subgid has none for dana, and 65536 are needed",
        "sudo usermod --add-subgids 231072-296607 dana",
    )


@pytest.mark.parametrize(
    ("lines", "text", "options"),
    [
        (
            "dana:165536:1000\n",
            "has 1000 for dana, and",
            "--del-subuids 165536-166535 --add-subuids 231072-296607",
        ),
        (
            "dana:300000:5\ndana:165536:65536\n",
            "has 5 for dana in their first line, which alone counts, and",
            "--del-subuids 300000-300004",
        ),
        (
            "dana:165536:40000\ndana:300000:40000\n",
            "has 40000 for dana in their first line, which alone counts, and",
            "--del-subuids 165536-205535 --del-subuids 300000-339999 --add-subuids 340000-405535",
        ),
    ],
)
def test_the_first_range_counts_so_that_small_ones_are_taken_away(machine, lines, text, options):
    """util-linux, sys-utils/unshare.c: read_subid_range()"""
    (machine / "etc/subuid").write_text(f"other:100000:65536\n{lines}")
    verdict, told, fix = found(machine)["subuid"]
    assert verdict == "fail"
    assert text in told
    assert fix == f"sudo usermod {options} dana"


def test_a_large_first_range_is_enough(machine):
    (machine / "etc/subuid").write_text("dana:165536:65536\ndana:300000:5\n")
    assert found(machine)["subuid"][0] == "ok"


def test_no_ranges_at_all(machine):
    for name in ("subuid", "subgid"):
        (machine / "etc" / name).unlink()
    fix = "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 dana"
    checks = found(machine)
    assert checks["subuid"][2] == checks["subgid"][2] == fix


def test_a_range_may_name_the_uid(machine):
    for name in ("subuid", "subgid"):
        (machine / "etc" / name).write_text(f"{os.getuid()}:100000:65536\n")
    assert found(machine)["subuid"][0] == "ok"


@pytest.mark.parametrize(
    ("name", "value", "better"),
    [
        ("user.max_user_namespaces", 0, 10000),
        ("kernel.unprivileged_userns_clone", 0, 1),
        ("kernel.apparmor_restrict_unprivileged_userns", 1, 0),
    ],
)
def test_what_forbids_user_namespaces(machine, monkeypatch, name, value, better):
    (machine / "proc/sys" / name.replace(".", "/")).write_text(f"{value}\n")
    assert found(machine)["user namespaces"][0] == "ok", "a profile of AppArmor may be an exception"
    monkeypatch.setattr(rootless, "TRY", ("false",))
    verdict, text, fix = found(machine)["user namespaces"]
    assert (verdict, text) == ("fail", f"{name} is {value}, so users may have none")
    assert fix.startswith(f"sudo sh -c 'sysctl -w {name}={better} ")


def test_what_forbids_them_is_told_with_all_else_that_lacks(machine):
    (machine / "proc/sys/user/max_user_namespaces").write_text("0\n")
    (machine / "etc/subuid").unlink()
    (machine / "dev/net/tun").unlink()
    failed = {name for name, (verdict, *_) in found(machine).items() if verdict == "fail"}
    assert failed == {"user namespaces", "subuid", "/dev/net/tun"}


def without(machine, monkeypatch, *programs):
    tool = str(machine / "tool")
    monkeypatch.setattr(rootless.command, "path", lambda name: None if name in programs else tool)
    return found(machine)["libvirtd"]


def test_dnsmasq_is_missed_before_an_up_is_halfway(machine, monkeypatch):
    """A libvirtd that runs would go on to miss it when it is there."""
    verdict, text, fix = without(machine, monkeypatch, "dnsmasq")
    assert (verdict, text) == ("fail", "not there: dnsmasq")
    assert "dnsmasq-base" in fix


def test_qemu_has_several_names(machine, monkeypatch):
    monkeypatch.setattr(rootless.platform, "machine", lambda: "ppc64le")
    others = ("/usr/libexec/qemu-kvm", "qemu-kvm", "kvm")
    verdict, text, _ = without(machine, monkeypatch, "qemu-system-ppc64", *others)
    assert (verdict, text) == ("fail", "not there: qemu-system-ppc64")
    assert without(machine, monkeypatch, "qemu-system-ppc64", *others[1:])[0] == "ok"
    assert without(machine, monkeypatch, *others)[0] == "ok"


def test_who_is_to_be_asked_is_told_with_what_others_check(machine):
    missing = Check("ssh", "warn", "not found", "sudo apt-get install x")
    assert rootless.asking(missing) == replace(missing, advice=ASK)
    there = Check("ssh", "ok", "/usr/bin/ssh")
    assert rootless.asking(there) == there


def test_what_forbids_them_without_a_file_is_found_by_a_try(machine, monkeypatch):
    monkeypatch.setattr(rootless, "TRY", ("sh", "-c", "echo Operation not permitted >&2; exit 1"))
    verdict, text, fix = found(machine)["user namespaces"]
    assert (verdict, text) == ("fail", "Operation not permitted")
    for mends in ("seccomp=unconfined", "systempaths=unconfined", "unmask=ALL", "/sys:/sys"):
        assert mends in fix
    assert "apparmor" not in fix


def test_a_profile_for_unshare_is_named_beside_what_else_forbids_them(machine, monkeypatch):
    """With the profile, the sysctl that is mended first would change nothing."""
    profile = machine / "etc/apparmor.d/unshare-userns-restrict"
    profile.parent.mkdir()
    profile.touch()
    assert found(machine)["user namespaces"][0] == "ok", "it need not be loaded"
    sysctl = "kernel.apparmor_restrict_unprivileged_userns"
    (machine / "proc/sys" / sysctl.replace(".", "/")).write_text("1\n")
    monkeypatch.setattr(rootless, "TRY", ("sh", "-c", "echo mount failed >&2; exit 1"))
    named = [each for each in rootless.checks(DEBIAN, machine) if each.name == "user namespaces"]
    assert [each.found for each in named] == [f"{sysctl} is 1, so users may have none", "mount failed"]
    assert "apparmor_parser -R /etc/apparmor.d/unshare-userns-restrict'`" in named[1].advice


@pytest.mark.parametrize("sys", ["rw", "ro"])
def test_a_try_fails_where_a_start_would(sys):
    """As in docker, where /sys can't be written: the kernel allows no other one then."""
    without_ranges = [each for each in rootless.TRY if each != "--map-auto"]  # whoever tests may have none
    script = f"mount -o bind,remount,{sys} /sys && exec {shlex.join(without_ranges)}"
    argv = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (sys == "rw"), done.stderr


def test_an_unshare_that_is_too_old(machine, monkeypatch):
    monkeypatch.setattr(rootless.command, "output", lambda *_: " --map-users  map")
    verdict, text, _ = found(machine)["unshare"]
    assert (verdict, text) == ("fail", "unshare has no --map-auto, which came with util-linux 2.38")


def test_the_device_for_networks(machine, monkeypatch):
    (machine / "dev/net/tun").unlink()
    assert found(machine)["/dev/net/tun"] == (
        "fail",
        "not there",
        "sudo sh -c 'modprobe tun && echo tun >/etc/modules-load.d/labctl.conf'",
    )
    (machine / "dev/net/tun").touch()
    monkeypatch.setattr(rootless.os, "access", lambda *_: False)
    fix = found(machine)["/dev/net/tun"][2]
    assert fix.startswith("sudo sh -c 'chmod 0666 /dev/net/tun && echo KERNEL==")


def test_what_mends_a_device_lasts(machine, monkeypatch):
    """The command runs as it is told, but for sudo and the place of the rule."""
    monkeypatch.setattr(rootless.os, "access", lambda *_: True)
    monkeypatch.setattr(rootless.command, "output", lambda *_: None)
    (check,) = rootless.kvm_inside(Distribution(0, ""), machine / "tool")
    told = check.fix.replace("/etc/udev/rules.d", str(machine))
    subprocess.run(["sh", "-c", told], check=True)
    assert (machine / "99-labctl-tool.rules").read_text() == 'KERNEL=="tool", MODE="0666"\n'
    assert (machine / "tool").stat().st_mode & 0o777 == 0o666


@pytest.mark.parametrize("until", [logout.LINGER, logout.SCOPE])
def test_a_machine_that_ends_what_users_leave(monkeypatch, until):
    monkeypatch.setattr(logout, "ends_until", lambda: until)
    (check,) = rootless.at_logout()
    assert (check.name, check.verdict, check.found, check.fix) == (
        "logout",
        "warn",
        "this machine ends your processes, labs with them, when you log out",
        until,
    )
    monkeypatch.setattr(logout, "ends_until", lambda: "")
    assert not [*rootless.at_logout()]


def test_kvm_by_a_group_does_not_count_inside(machine, monkeypatch):
    node = machine / "tool"
    monkeypatch.setattr(rootless.command, "output", lambda *_: None)
    (check,) = rootless.kvm_inside(DEBIAN, node)
    assert (check.name, check.verdict) == ("kvm inside", "warn")
    assert check.fix.startswith(f"sudo sh -c 'chmod 0666 {node} && echo KERNEL==")
    monkeypatch.setattr(rootless.command, "output", lambda *_: "")
    assert not [*rootless.kvm_inside(DEBIAN, node)]
    assert not [*rootless.kvm_inside(DEBIAN, machine / "none")]
