"""All verbs inside of a libvirt of one's own: what they do, and whose the files are that they write."""

from tests.e2e.labfiles import Lab, blank_lab

pytest_plugins = ["tests.e2e.people"]


def test_a_vm_has_a_tpm(alice):
    """Of swtpm, which has folders of its own beside libvirt's."""
    hard = {"networks": ["front"], "firmware": "uefi", "tpm": True, "memory": "128MiB"}
    lab = Lab(alice.labctl(), blank_lab("hard", networks={"front": {}}, vms={"web": hard}))
    lab.up()
    lab.ok("suspend", "--disk")
    lab.ok("rootless", "stop", "--yes")
    lab.up()
    lab.destroy()
