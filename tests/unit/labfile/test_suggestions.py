"""What a message says to write instead, and that a wrong value is told once: not again as one that is missing."""

import copy

import pytest
import yaml

from labctl.core.errors import Rejected
from labctl.labfile.load import load

RICH = """\
labfile: 1
name: shop
networks:
  front: {mode: nat, subnet: 10.1.0.0/24, ipv6: "fd00:1::/64", host: [10.1.0.1, "fd00:1::1"], gateway: fw,
          dhcp: {range: 10.1.0.100-10.1.0.200, boot: {server: 10.1.0.1, file: x}}, domain: shop.lab,
          dns: {forwarders: [10.9.0.9], hosts: {api: 10.1.0.9}}, reserve: [10.1.0.3],
          routes: [{to: 10.5.0.0/16, via: 10.1.0.5}], bridge: br7, mtu: 1400,
          bandwidth: {inbound: 1MiB/s}, isolate_guests: false, xml: [{at: ., add: <a/>}]}
  lan: {mode: bridge, bridge: br0, vlan: 5}
  tap: {mode: macvtap, dev: eth0}
  wire: {subnet: false, mode: isolated}
  v6: {subnet: false, ipv6: true, mode: isolated}
volumes: {shared: {size: 1GiB}}
groups: {g: {cpus: 1, children: [web]}}
defaults: {timeout: 5m}
vms:
  fw: {image: none, networks: [front, lan, tap, wire], memory: 2GiB, max_memory: 3GiB}
  web:
    image: {url: "https://example.org/a.qcow2", sha256: "DIGEST"}
    count: 2
    first: 3
    names: "${base}-${index}"
    instances: {3: {cpus: 8, cpu: {topology: {sockets: 4}}}}
    cpus: 4
    cpu: {mode: custom, model: qemu64, topology: {sockets: 2, cores: 2}}
    firmware: uefi
    secure_boot: true
    disk: {size: 5GiB, bus: scsi, serial: abc}
    disks: [{name: data, size: 1GiB, count: 2}, {name: s, volume: shared}, {name: i, image: debian-12}]
    networks: [{name: front, ip: 10.1.0.20, mac: "52:54:00:00:00:01", default_route: true,
                routes: [{to: 10.6.0.0/16, via: 10.1.0.5}]}]
    boot: {kernel: KERNEL, initrd: KERNEL, cmdline: quiet, order: [root, front]}
    ready: [{exec: "true", timeout: 5s}, {tcp: 80}, {http: "http://x"}]
    depends_on: {fw: ready}
    groups: [g]
    cloud_init: {packages: [a]}
    xml: [{at: ./name, set: x}]
  blank: {image: none, disk: {size: 1GiB}, max_memory: 2GiB}
"""
WRONG = {"no-such-key": [None]}  # fits no field but what may hold anything


def leaves(node, path=()):
    if isinstance(node, dict | list) and node:
        for key in node if isinstance(node, dict) else range(len(node)):
            yield from leaves(node[key], (*path, key))
    else:
        yield path


def rich(tmp_path):
    (tmp_path / "kernel").write_bytes(b"x")
    return yaml.safe_load(RICH.replace("DIGEST", "a" * 64).replace("KERNEL", "./kernel"))


def put(document, path, value):
    changed = copy.deepcopy(document)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


def told(tmp_path, document):
    path = tmp_path / "Labfile.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    try:
        load(str(path))
    except Rejected as error:
        return error.problems
    return ()


def test_a_wrong_value_is_told_once_and_nothing_that_follows_from_it(tmp_path):
    document = rich(tmp_path)
    assert told(tmp_path, document) == ()
    for path in leaves(document):
        if path[:1] == ("name",) or "cloud_init" in path:
            continue
        if path[0] == "vms" and path[2] == "networks" and (len(path) == 4 or path[4] == "name"):
            continue  # a NIC is known to others by its name, which went with it
        text = ".".join(map(str, path)).replace(".", "/")
        found = told(tmp_path, put(document, path, WRONG))
        assert found, text
        for problem in found:
            where = problem.path.replace("[", ".").replace("]", "").replace(".", "/")
            assert where.startswith(text), f"{text} is wrong, and this is told: {problem}"


@pytest.mark.parametrize(
    ("text", "path", "hint"),
    [
        ("vms: {web: debian-12}", "vms.web", "write {image: debian-12}"),
        ("vms:\n  web:\n", "vms.web", "write its fields below it, or {} for none"),
        ("networks:\n  front:\n", "networks.front", "write its fields below it, or {} for none"),
        ("volumes: {v: }", "volumes.v", "write {size: …}"),
        ("volumes: {v: 5GiB}", "volumes.v", "write {size: 5GiB}"),
        ("networks: {n: 10.1.0.0/24}", "networks.n", "write {subnet: 10.1.0.0/24}"),
        ("networks: {n: bridge}", "networks.n", "write {mode: bridge}"),
        ("networks: [a, b]", "networks", "names are keys: write NAME: {…}, one below the other"),
        ("groups: {g: [a]}", "groups.g", "write {children: [a]}"),
        ("parameters: {n: 3}", "parameters.n", "write {default: 3}"),
        ("vms: {a: {image: none, ready: [80]}}", "vms.a.ready[0]", "write {tcp: 80}"),
        ("vms: {a: {image: none, ready: ['http://x']}}", "vms.a.ready[0]", "write {http: http://x}"),
        ("vms: {a: {image: none, disks: [5GiB]}}", "vms.a.disks[0]", "write {name: …, size: 5GiB}"),
        ("vms: {b: {image: none}, a: {image: none, depends_on: b}}", "vms.a.depends_on", "write [b]"),
        ("vms: {a: {image: debian-12, cloud_init: ./a.yaml}}", "vms.a.cloud_init", "write {file: ./a.yaml}"),
        ("vms: {a: {image: none, memory: 100000001}}", "vms.a.memory", "write the unit: 100000001B"),
        ("vms: {a: {image: none, memory: '512'}}", "vms.a.memory", "write the unit: 512MiB"),
        ("vms: {a: {image: none, memory: true}}", "vms.a.memory", ""),
        ("vms: {a: {image: none, disks: [{name: d, size: 1kB}]}}", "vms.a.disks[0].size", "write 1KB"),
        ("vms: {a: {image: none, disk: {size: 20 gib}}}", "vms.a.disk.size", "write 20GiB"),
        ("vms: {a: {image: none, timeout: 5 minutes}}", "vms.a.timeout", "write 5m"),
        ("vms: {a: {image: none, timeout: 300000}}", "vms.a.timeout", "write the unit: 300000ms"),
        ("networks: {n: {bandwidth: {inbound: 10mb}}}", "networks.n.bandwidth.inbound", "write 10MB/s"),
        ("vms: {a: {image: none, cpu: {mode: host-passthrough}}}", "vms.a.cpu.mode", "did you mean host?"),
        ("vms: {a: {image: none, cpu: host-passthrough}}", "vms.a.cpu", "write {mode: host}"),
        ("vms: {a: {image: none, firmware: OVMF}}", "vms.a.firmware", "did you mean uefi?"),
        ("networks: {n: {mode: host-only}}", "networks.n.mode", "did you mean isolated?"),
        ("vms: {a: {image: none, ram: 1GiB}}", "vms.a.ram", "did you mean memory?"),
        ("vms: {a: {image: none, user_data: x}}", "vms.a.user_data", "did you mean cloud_init?"),
        ("networks: {n: {cidr: 10.0.0.0/24}}", "networks.n.cidr", "did you mean subnet?"),
        ("machines: {}", "machines", "did you mean vms?"),
    ],
)
def test_one_line_says_what_to_write_instead(tmp_path, text, path, hint):
    (problem,) = told(tmp_path, yaml.safe_load(f"labfile: 1\nname: lab\n{text}\n"))
    assert (problem.path, problem.hint) == (path, hint)
