"""Labs beyond the ordinary: a boot over the network, UEFI, one disk for two VMs."""

from tests.e2e.labfiles import micro_lab


def test_a_vm_without_image_boots_from_another(make_lab, micro):
    """Over a network without a host: the server is ready once it reaches what it booted."""
    vms = {
        "server": {
            "image": str(micro.pxe_image),
            "networks": ["segment"],
            "cloud_init": {
                "runcmd": [
                    "pxe-server ${vms.server.segment.ip} ${vms.client.segment.mac}=${vms.client.segment.ip}"
                ]
            },
            "ready": [
                {
                    "exec": "wget -qO- http://${vms.client.segment.ip}/role | grep -q pxe-client",
                    "timeout": "4m",
                }
            ],
        },
        "client": {
            "image": "none",
            "memory": "192MiB",
            "boot": {"kernel": None, "order": ["segment"]},
            "networks": ["segment"],
            "depends_on": {"server": "booted"},
        },
    }
    networks = {"segment": {"mode": "isolated", "subnet": "10.0.5.0/24", "host": False}}
    lab = make_lab(micro_lab("netboot", micro, networks=networks, vms=vms))
    boot = lab.content["defaults"].pop("boot")
    del vms["client"]["boot"]["kernel"]
    vms["server"]["boot"] = boot
    lab.up()
    lab.destroy()


def test_a_vm_boots_by_uefi(make_lab, micro):
    """Its firmware's variables come and go with it."""
    vms = {
        "modern": {
            "firmware": "uefi",
            "memory": "256MiB",
            "networks": ["front"],
            "ready": [{"exec": "test -d /sys/firmware/efi"}],
        }
    }
    lab = make_lab(micro_lab("firmware", micro, networks={"front": {}}, vms=vms))
    lab.up()
    lab.destroy()


def test_two_vms_share_a_disk_and_have_ipv6(make_lab, micro):
    """What one writes the other reads; names and logins lead to IPv6 addresses, beside IPv4's and alone."""
    networks = {"dual": {"ipv6": True}, "six": {"mode": "isolated", "subnet": False, "ipv6": "fd00:6::/64"}}
    disks = [{"name": "common", "volume": "shared"}]
    vms = {"one": {"networks": ["dual", "six"], "disks": disks}, "two": {"networks": ["six"], "disks": disks}}
    volumes = {"shared": {"size": "8MiB"}}
    lab = make_lab(micro_lab("twins", micro, networks=networks, vms=vms, volumes=volumes))
    lab.up()
    disk = "/dev/disk/by-id/virtio-common"
    lab.ssh("one", f"echo written by one | dd of={disk} bs=4096 seek=1000 conv=sync,fsync")
    assert "written by one" in lab.ssh("two", f"dd if={disk} bs=4096 skip=1000 count=1 | head -1")
    assert "inet6 fd00:6::3/64" in lab.ssh("two", "ip addr")
    assert lab.ssh("one", "ip addr show scope global").count("inet6 fd") == 2
    lab.ssh("one", "ping -6 -q -c 1 -W 10 two")
    lab.destroy()
