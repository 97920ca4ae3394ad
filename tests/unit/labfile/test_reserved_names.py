"""Names of the user's that meet one of labctl's, libvirt's guests' or an inventory's."""

import pytest

from labctl.core import identity
from labctl.core.errors import Rejected
from labctl.labfile import reserved_names
from labctl.labfile.load import load
from tests.unit.labfile.labfiles import problems


def test_a_lab_can_t_be_called_as_the_pool_of_all_labs_images(tmp_path):
    """Its own pool would be that one, and removing the lab would remove the images of all."""
    path = tmp_path / "Labfile.yaml"
    path.write_text('labfile: 1\nparameters: {n: {default: images}}\nname: "${n}"\nvms: {}\n')
    assert identity.pool_name("images") == identity.STORE
    with pytest.raises(Rejected) as error:
        load(str(path))
    assert [str(each) for each in error.value.problems] == [
        f"{path}:3:7: name: a lab can't be called images (labctl-images is the pool of all labs' images)"
    ]


def test_no_lab_that_may_be_called_so_shares_a_pool_with_the_images():
    assert identity.lab_of_pool(identity.STORE) is None
    assert identity.lab_of_pool(identity.pool_name("shop")) == "shop"
    assert set(reserved_names.RESERVED["lab"]) == {"images"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "vms: {localhost: {image: none}}",
            (
                "vms.localhost: a VM can't be called localhost"
                " (every guest has that name in its hosts file, for itself or for its neighbours)"
            ),
        ),
        (
            'vms: {web: {image: none, count: 1, names: "all"}}',
            "vms.web.names: a VM can't be called all (inventories have a group of that name already)",
        ),
        (
            "groups: {ungrouped: {}}",
            "groups.ungrouped: a group can't be called ungrouped (inventories have a group of that name already)",
        ),
        (
            "vms: {web: {image: none, disks: [{name: seed, size: 1GiB}]}}",
            "vms.web.disks[0]: a disk can't be called seed (the VM has a file of that name)",
        ),
        (
            "vms: {web: {image: none, disks: [{name: root, size: 1GiB}]}}",
            "vms.web.disks[0]: a disk can't be called root (it is the VM's first disk, see disk)",
        ),
        (
            "networks: {lo: {}}\nvms: {web: {image: none, networks: [lo]}}",
            "vms.web.networks[0]: a NIC can't be called lo (every guest has a loopback of that name)",
        ),
        (
            "networks: {n: {dns: {hosts: {localhost: 10.0.0.1}}}}",
            (
                "networks.n.dns.hosts.localhost: a name of the network's DNS can't be called localhost"
                " (every guest has that name in its hosts file, for itself or for its neighbours)"
            ),
        ),
        (
            "networks: {n: {bridge: lab-0123abcd}}",
            (
                "networks.n.bridge: lab-0123abcd may be what labctl calls another network's bridge"
                " (write another name, or leave it out)"
            ),
        ),
        (
            "networks: {n: {external: lab.back}}",
            "networks.n.external: lab.back is this lab's own (write `networks: {back: …}`, and use back)",
        ),
    ],
)
def test_a_name_that_something_else_has_is_refused_at_its_place(tmp_path, text, told):
    assert [each.partition(": ")[2] for each in problems(tmp_path, text)] == [told]


def test_names_that_only_look_alike_are_the_users(tmp_path):
    text = """
        networks: {n: {bridge: lab-shop}, m: {mode: bridge, bridge: lab-0123abcd}, o: {external: other.back}}
        vms: {images: {image: none, networks: [{name: n, nic: seed}]}, seed: {image: none}, root: {image: none}}
        """
    assert problems(tmp_path, text) == []


def test_a_labfile_is_not_called_as_its_own_lock(tmp_path):
    path = tmp_path / "shop.lock"
    path.write_text("labfile: 1\nname: shop\n")
    with pytest.raises(Rejected, match="its own lock would be written over it"):
        load(str(path))
