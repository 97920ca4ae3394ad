"""What a VM may say, and what can't be together."""

import pytest

from tests.unit.labfile.labfiles import problems, vms


def told(tmp_path, text):
    """The messages of a Labfile, without the file's name."""
    return [each.removeprefix("Labfile.yaml:") for each in problems(tmp_path, text)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            "disks: [{name: seed, size: 1GiB}]",
            "disks[0]: a disk can't be called seed (the VM has a file of that name)",
        ),
        (
            "disks: [{name: console, size: 1GiB}]",
            "disks[0]: a disk can't be called console (the VM has a file of that name)",
        ),
        (
            "disks: [{name: a, volume: v}, {name: b, volume: v}]",
            "disks[1]: the volume v is a disk of this VM already",
        ),
        (
            "disks: [{name: a, size: 1GiB, bus: sata, serial: a23456789012345678901}]",
            "disks[0]: sata shows 20 characters of the serial a23456789012345678901 (give it a short one by serial)",
        ),
        (
            f"disks: [{{name: a, size: 1GiB, bus: scsi, count: 1, serial: {'a' * 36}}}]",
            f"disks[0]: scsi shows 36 characters of the serial {'a' * 36}-1 (give it a short one by serial)",
        ),
        (
            f"disks: [{', '.join(f'{{name: d{n}, size: 1GiB, count: 64}}' for n in range(5))}]",
            "disks: 320 disks are more than a VM can have (256 at most)",
        ),
        (
            "networks: [n], disks: [{name: n, size: 1GiB}], boot: {order: [n]}",
            ("boot.order[0]: a disk and a NIC are called n (name the NIC by nic)"),
        ),
        ("timeout: 0s", "timeout: this can't be 0"),
        ("timeout: 999999h", "timeout: 999999h is more than a year"),
        ("ready: [{tcp: 1, timeout: 0s}]", "ready[0].timeout: this can't be 0"),
        ("ready: [{tcp: 1, interval: 0s}]", "ready[0].interval: this can't be 0"),
        (
            "networks: [{name: n, bandwidth: {inbound: 0MiB/s}}]",
            "networks[0].bandwidth.inbound: this can't be 0",
        ),
        (
            "networks: [{name: n, bandwidth: {outbound: 9999999GiB/s}}]",
            "networks[0].bandwidth.outbound: 9999999GiB/s is more than libvirt can count",
        ),
        ("first: 2", "first: first needs count (this VM is one, not counted)"),
        ("names: x", "names: names needs count (this VM is one, not counted)"),
        ("instances: {1: {}}", "instances: instances needs count (this VM is one, not counted)"),
    ],
)
def test_what_can_t_be_is_told_at_its_field(tmp_path, fields, expected):
    text = f"networks: {{n: {{}}}}\nvolumes: {{v: {{size: 1GiB}}}}\nvms: {{a: {{image: none, {fields}}}}}\n"
    assert [each.partition(": vms.a.")[2] for each in told(tmp_path, text)] == [expected]


def test_what_hangs_on_an_instance_is_known_too_late_to_group_it(tmp_path):
    """Neither a whole VM or group may be such a name, nor may a list of groups."""
    text = """
        groups: {g: "${name}", h: {children: ["${base}"]}}
        defaults: {image: none, groups: "${name}"}
        vms: {a: {groups: ["${base}"]}, c: "${name}"}
        """
    assert told(tmp_path, text) == [
        '4:13: groups.g: expected a map of VM fields and `children`, got "${name}"',
        "4:38: groups.h.children: children can't depend on an instance's name",
        "5:33: defaults.groups: groups can't depend on an instance's name",
        "6:19: vms.a.groups: groups can't depend on an instance's name",
        '6:36: vms.c: expected a map of VM fields, got "${name}"',
    ]
    assert told(tmp_path, 'vms: "${name}"\n') == ["3:6: vms: ${name} is known in VMs only"]


def test_a_lab_has_an_end(tmp_path):
    """A few lines can't ask for more VMs than memory holds."""
    text = "vms:\n" + "".join(f"  v{n}: {{image: none, count: 10000}}\n" for n in range(500))
    assert told(tmp_path, text) == ["5:28: vms.v1.count: the lab grows beyond 10,000 VMs"]
    assert len(vms(tmp_path, "vms: {a: {image: none, count: 9999}, b: {image: none}}\n")) == 10_000


def test_a_cloud_config_s_file_stands_alone(tmp_path):
    """Cloud-init knows no key `file`, so that the rest would silently be all there is."""
    (tmp_path / "base.yaml").write_text("packages: [a]\n")
    text = "vms: {a: {image: debian-12, cloud_init: {file: base.yaml, packages: [b]}}}\n"
    assert told(tmp_path, text) == [
        (
            "3:59: vms.a.cloud_init.packages: packages can't stand beside file "
            "(put it into the file, or the file into a group or defaults: layers merge)"
        )
    ]


def test_edits_that_no_xml_takes_are_told(tmp_path):
    text = """
        vms:
          a:
            image: none
            xml: [{at: "./os/@a b", set: x}, {at: ./os/@, set: x}, {at: ., add: <qemu:x/>}, {at: "@type", set: x}]
        """
    assert told(tmp_path, text) == [
        "7:16: vms.a.xml[0].at: ./os/@a b names no attribute (as in ./os/type/@machine)",
        "7:43: vms.a.xml[1].at: ./os/@ names no attribute (as in ./os/type/@machine)",
        (
            "7:73: vms.a.xml[2].add: not an XML element: unbound prefix "
            '(declare it: xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0")'
        ),
    ]


def test_a_wrong_type_is_told_once_and_a_bare_number_gets_its_unit(tmp_path):
    text = "vms: {a: {image: none, ready: [x], networks: [{name: n, bandwidth: {inbound: 10}}]}}\nnetworks: {n: {}}\n"
    assert told(tmp_path, text) == [
        '3:32: vms.a.ready[0]: expected a condition `{tcp}`, `{exec}` or `{http}`, got "x" (write {exec: x})',
        "3:78: vms.a.networks[0].bandwidth.inbound: expected a rate such as 10MiB/s, got 10 (write the unit: 10MiB/s)",
    ]
