"""Snapshots of VMs whose UEFI keeps variables."""

import hashlib
import re
import stat
from pathlib import Path

from tests.e2e.harness import daemons
from tests.e2e.labfiles import blank_lab, micro_lab, virsh
from tests.e2e.test_snapshots import states

POOL = Path("/var/lib/libvirt/images/labctl-time")
LIBVIRTS = Path("/var/lib/libvirt/qemu/nvram")
VARIABLES = POOL / "web._nvram"
VARIABLES_OF_GUEST = "/sys/firmware/efi/efivars"
MOUNTED = f"modprobe efivarfs; mount -t efivarfs none {VARIABLES_OF_GUEST} 2>/dev/null;"
GUID = "5f0c91d2-0000-4000-8000-000000000001"
KEPT = r"\007\000\000\000"  # without power too, and for the system that runs


def test_the_variables_go_back(make_lab, micro):
    """With the memory, and with a VM that was off then."""
    lab = make_lab(
        micro_lab(
            "time", micro, networks={"front": {}}, vms={"web": {"firmware": "uefi", "memory": "256MiB"}}
        )
    )
    lab.content["defaults"]["networks"] = ["front"]
    lab.up()
    assert lab.plan() == {}
    add(lab, "Then")
    lab.ok("snapshot", "save", "running")
    then = contents()
    add(lab, "Now")
    assert contents() != then
    lab.ok("snapshot", "restore", "running", "--yes")
    assert (contents(), there(lab)) == (then, ["Then"])
    assert stat.S_IMODE(VARIABLES.stat().st_mode) == 0o600

    lab.ok("halt")
    off = contents()
    lab.ok("snapshot", "save", "off")
    lab.up()
    add(lab, "Now")
    virsh("destroy", "time.web")
    virsh("undefine", "time.web", "--nvram")
    lab.ok("snapshot", "restore", "off", "--yes")
    assert contents() == off
    lab.up()
    assert there(lab) == ["Then"], "QEMU can open what was copied"
    add(lab, "Again")
    lab.destroy()
    assert not POOL.exists()


def test_so_do_those_of_other_firmware_and_what_a_vm_did_not_have_yet(make_lab):
    """Byte for byte, of VMs that are paused then and afterwards."""
    vms = {
        "web": {"secure_boot": True, "machine": "q35"},
        "arm": {"arch": "aarch64"},
        "new": {"state": "off"},
    }
    for vm in vms.values():
        vm |= {"firmware": "uefi", "cloud_init": False, "memory": "64MiB"}
    lab = make_lab(blank_lab("time", networks={}, vms=vms))
    lab.up()
    lab.ok("suspend")
    then = contents()
    assert set(then) == {"web", "arm"}
    lab.ok("snapshot", "save", "s1")
    virsh("start", "time.new")
    for vm in then:
        with (POOL / f"{vm}._nvram").open("r+b") as file:
            file.write(b"something else")
    assert set(contents()) == set(vms)
    assert not set(contents().items()) & set(then.items())
    lab.ok("snapshot", "restore", "s1", "--yes")
    assert contents() == then
    assert states(lab) == {"web": "paused", "arm": "paused", "new": "off"}
    lab.ok("resume")
    assert states(lab) == {"web": "running", "arm": "running", "new": "off"}
    lab.destroy()


def test_a_vm_of_an_earlier_labctl_keeps_its_variables_where_they_are(make_lab):
    """Until somebody moves them, as the refusal says."""
    vms = {"web": {"firmware": "uefi", "machine": "q35", "cloud_init": False, "memory": "64MiB"}}
    lab = make_lab(blank_lab("time", networks={}, vms=vms))
    lab.up()
    as_an_earlier_labctl_defined_it()
    theirs = LIBVIRTS / "time.web_VARS.fd"
    daemons.wait_until(theirs.exists, "libvirt made no variables")
    assert lab.plan() == {}
    virsh("destroy", "time.web")
    vms["web"]["memory"] = "80MiB"
    lab.up()
    assert str(theirs) in virsh("dumpxml", "time.web")
    assert contents() == {}

    refused = lab.run("snapshot", "save", "s1")
    moving = f"`labctl halt web`, copy {theirs} to {VARIABLES}, and with `virsh edit time.web` put "
    assert refused.code == 1
    assert f"{moving}<nvram>{VARIABLES}</nvram> into <os>" in refused.stderr
    assert states(lab) == {"web": "running"}

    virsh("destroy", "time.web")
    VARIABLES.write_bytes(theirs.read_bytes())
    then = contents()
    defined(lambda text: text.replace("</os>", f"<nvram>{VARIABLES}</nvram></os>"))
    assert lab.plan() == {"vm/web": ["update", "state"]}
    lab.ok("snapshot", "save", "s1")
    VARIABLES.unlink()
    lab.ok("snapshot", "restore", "s1", "--yes")
    assert contents() == then
    lab.up()
    lab.destroy()
    theirs.unlink()


def as_an_earlier_labctl_defined_it():
    """It left the place of the variables to libvirt."""
    virsh("destroy", "time.web")
    VARIABLES.unlink()
    defined(lambda text: re.sub("<nvram>.*</nvram>", "", text))
    virsh("start", "time.web")


def defined(edit):
    """Edit the definition of web with virsh."""
    file = Path("/tmp/web.xml")
    file.write_text(edit(virsh("dumpxml", "--inactive", "time.web")))
    virsh("define", str(file))
    file.unlink()


def contents():
    """VM → a digest of the variables of its UEFI."""
    return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in POOL.glob("[a-z]*._nvram")}


def add(lab, name):
    """Let the guest add a variable."""
    lab.ssh("web", f"{MOUNTED} printf '{KEPT}x' >{VARIABLES_OF_GUEST}/Lab{name}-{GUID}")


def there(lab):
    """The variables that the guest added."""
    names = lab.ssh("web", f"{MOUNTED} cd {VARIABLES_OF_GUEST}; ls -d Lab*").split()
    return [name.removeprefix("Lab").removesuffix(f"-{GUID}") for name in names]
