from tests.unit.labfile.labfiles import loaded, problems, vms


def test_later_layers_win_and_maps_merge(tmp_path):
    """Weakest first: defaults < outer group < inner group < named group < VM < instance."""
    web = vms(
        tmp_path,
        """
        defaults: {image: none, memory: 1MiB, cpu: {mode: host, nested: true}, cpus: 1, user: default}
        groups:
          named: {user: named}
          inner: {children: [web], memory: 3MiB, user: inner, timeout: 3s}
          outer: {children: [inner], memory: 2MiB, cpus: 2, user: outer, timeout: 2s}
        vms:
          web: {groups: [named], count: 2, cpu: {mode: maximum}, instances: {2: {cpus: 8}, 7: {cpus: 9}}}
        """,
    )
    assert web["web-1"].groups == ("outer", "inner", "named")
    assert (web["web-1"].memory, web["web-1"].cpus, web["web-1"].timeout) == (3 << 20, 2, 3.0)
    assert web["web-1"].user == "named"
    assert (web["web-1"].cpu.mode, web["web-1"].cpu.nested) == ("maximum", True)
    assert web["web-2"].cpus == 8


def test_lists_replace_but_ready_forwards_and_cloud_init_append(tmp_path):
    web = vms(
        tmp_path,
        """
        networks: {a: {}, b: {}}
        defaults: {image: debian-12, networks: [a, b], ready: [{tcp: 1}], forwards: [1:1],
                   cloud_init: {runcmd: [x], bootcmd: [z], fqdn: a.b}}
        vms: {web: {networks: [b], ready: [{tcp: 2}], forwards: ["2:2"], cloud_init: {runcmd: [y], fqdn: c.d}}}
        """,
    )["web"]
    assert [nic.name for nic in web.nics] == ["b"]
    assert [condition.tcp for condition in web.ready] == [1, 2]
    assert [forward.guest for forward in web.forwards] == [1, 2]
    assert web.cloud_init == {"runcmd": ["x", "y"], "bootcmd": ["z"], "fqdn": "c.d"}


def test_an_image_replaces_as_a_whole(tmp_path):
    """A path over a URL is the path, not a mixture of both."""
    (tmp_path / "disk.raw").write_bytes(b"")
    digest = "a" * 64
    web = vms(
        tmp_path,
        f"""
        defaults: {{image: {{url: "https://example.org/a", sha256: {digest}}}}}
        vms: {{web: {{image: {{path: disk.raw}}}}}}
        """,
    )["web"]
    assert web.image.path == tmp_path / "disk.raw"


def test_a_group_may_be_called_like_its_vm(tmp_path):
    lab = loaded(tmp_path, "groups: {web: {children: [web], cpus: 2}}\nvms: {web: {image: none}}\n").lab
    assert lab.vms[0].cpus == 2
    assert lab.groups == {"web": ("web",)}


def test_counted_vms_are_always_suffixed_and_may_be_none(tmp_path):
    """`count: 1` gives web-1, `count: 0` nothing that others could not depend on."""
    text = """
        defaults: {image: none}
        vms:
          one: {count: 1}
          none-at-all: {count: 0}
          more: {count: 2, first: 0, names: "${base}x${index:02}", depends_on: [none-at-all, one]}
        """
    got = vms(tmp_path, text)
    assert list(got) == ["one-1", "morex00", "morex01"]
    assert [each.vm for each in got["morex00"].depends_on] == ["one-1"]


def test_counted_addresses_count_upward_but_not_those_of_an_instance(tmp_path):
    got = vms(
        tmp_path,
        """
        networks: {a: {subnet: 10.1.0.0/24, ipv6: "fd00::/64"}}
        vms:
          web:
            image: none
            count: 3
            first: 5
            networks: [{name: a, ip: 10.1.0.10, ip6: "fd00::10", mac: "52:54:00:00:00:ff"}]
            instances: {7: {networks: [{name: a, ip: 10.1.0.99}]}}
        """,
    )
    nics = {name: vm.nics[0] for name, vm in got.items()}
    assert [str(nic.ip) for nic in nics.values()] == ["10.1.0.10", "10.1.0.11", "10.1.0.99"]
    assert str(nics["web-6"].ip6) == "fd00::11"
    assert nics["web-6"].mac == "52:54:00:00:01:00"


def test_instances_are_literal(tmp_path):
    got = vms(
        tmp_path, 'vms: {a: {image: debian-12, count: 1, instances: {1: {cloud_init: {x: "${HOME}"}}}}}\n'
    )
    assert got["a-1"].cloud_init == {"x": "${HOME}"}


def test_dependencies_expand_to_instances(tmp_path):
    """A counted name and a group stand for all their instances, a member of the group waits for the others."""
    got = vms(
        tmp_path,
        """
        defaults: {image: none}
        groups: {every: {children: [db, web]}}
        vms:
          db: {}
          web: {count: 2, depends_on: {db: started}}
          top: {depends_on: {web: provisioned, web-1: ready}}
          mate: {groups: [every], depends_on: [every]}
        """,
    )
    assert [(each.vm, each.stage) for each in got["top"].depends_on] == [
        ("web-1", "ready"),
        ("web-2", "provisioned"),
    ]
    assert [each.vm for each in got["mate"].depends_on] == ["db", "web-1", "web-2"]


def test_cloud_init_files_merge_like_maps_and_are_not_interpolated(tmp_path):
    (tmp_path / "base.yaml").write_text("#cloud-config\nruncmd: ['echo ${HOME}']\n")
    text = (
        "defaults: {image: debian-12, cloud_init: {file: base.yaml}}\nvms: {a: {cloud_init: {runcmd: [b]}}}\n"
    )
    assert vms(tmp_path, text)["a"].cloud_init == {"runcmd": ["echo ${HOME}", "b"]}


def test_problems_of_a_cloud_init_file_are_at_their_place_there(tmp_path):
    (tmp_path / "base.yaml").write_text("a: 1\na: 2\n")
    assert problems(tmp_path, "vms: {a: {image: debian-12, cloud_init: {file: base.yaml}}}\n") == [
        "base.yaml:2:1: a: the key a stands here twice, first in line 1, column 1 (keep one of them)"
    ]


def test_a_group_holds_single_instances_of_a_counted_vm(tmp_path):
    """Through `children`, which are the weaker ones, or `groups` of the instance, which replace those of its VM."""
    lab = loaded(
        tmp_path,
        """
        defaults: {image: none, cpus: 1, user: default}
        groups:
          outer: {children: [inner], cpus: 2, memory: 2MiB, user: outer, timeout: 2s}
          inner: {children: [node-1], cpus: 3, memory: 3MiB, user: inner}
          named: {cpus: 4, memory: 4MiB}
          first: {cpus: 5, max_memory: 5MiB}
          late: {children: [node], hostname: "${name}.lab"}
        vms:
          node: {count: 3, groups: [named], memory: 8MiB, max_memory: 16MiB,
                 instances: {1: {groups: [first], memory: 9MiB}, 2: {groups: []}}}
        """,
    ).lab
    one, two, three = lab.vms
    assert [vm.groups for vm in lab.vms] == [
        ("outer", "inner", "late", "first"),
        ("late",),
        ("late", "named"),
    ]
    assert [vm.cpus for vm in lab.vms] == [5, 1, 4]
    assert (one.user, two.user, three.user) == ("inner", "default", "default")
    assert [vm.memory >> 20 for vm in lab.vms] == [9, 8, 8]  # the VM's own is stronger than any group's
    assert one.max_memory == 16 << 20
    assert (one.timeout, two.timeout) == (2.0, 300.0)
    assert [vm.hostname for vm in lab.vms] == ["node-1.lab", "node-2.lab", "node-3.lab"]
    assert lab.groups["outer"] == lab.groups["first"] == ("node-1",)


def test_a_group_that_holds_an_instance_serves_depends_on(tmp_path):
    got = vms(
        tmp_path,
        """
        defaults: {image: none}
        groups: {heads: {children: [node-1]}}
        vms: {node: {count: 2}, web: {depends_on: [heads]}}
        """,
    )
    assert [each.vm for each in got["web"].depends_on] == ["node-1"]


def test_an_instance_beyond_the_count_is_no_mistake_of_a_group(tmp_path):
    """The count may be a parameter; another name is one, and so is a group that an instance names."""
    text = """
        parameters: {n: {type: integer, default: 1}}
        defaults: {image: none}
        groups: {g: {children: [node-2, x03, nod-1, node-x, broken-2]}}
        vms:
          node: {count: "${n}", instances: {1: {groups: [h]}}}
          x: {count: 1, names: "${base}${index:02}"}
          broken: [count, 3]
        """
    assert problems(tmp_path, text) == [
        "Labfile.yaml:6:38: groups.g.children[2]: there is no VM or group nod-1 (did you mean node-1?)",
        "Labfile.yaml:6:45: groups.g.children[3]: there is no VM or group node-x (did you mean node-1?)",
        "Labfile.yaml:8:50: vms.node.instances.1.groups[0]: there is no group h (write it under groups)",
        "Labfile.yaml:10:11: vms.broken: expected a map of VM fields, got a list",
    ]


def test_a_vm_may_wait_until_another_is_only_created(tmp_path):
    """Of a name, an instance or a group; nobody waits to be created, so that is no circle."""
    got = vms(
        tmp_path,
        """
        defaults: {image: none}
        groups: {g: {children: [db]}}
        vms:
          db: {state: off, depends_on: [a]}
          node: {count: 2, depends_on: [a]}
          a: {depends_on: {db: created, node-1: created}}
          b: {depends_on: {g: created}}
        """,
    )
    assert [(each.vm, str(each.stage)) for each in got["a"].depends_on] == [
        ("db", "created"),
        ("node-1", "created"),
    ]
    assert [(each.vm, str(each.stage)) for each in got["b"].depends_on] == [("db", "created")]


def test_what_a_vm_that_is_off_never_reaches_can_t_be_waited_for(tmp_path):
    """The stage that it does reach is named. A VM that is off itself waits for nothing."""
    text = """
        defaults: {image: none}
        groups: {g: {children: [db, node-2]}}
        vms:
          db: {state: off}
          node: {count: 2, instances: {2: {state: off}}}
          a: {depends_on: [db]}
          b: {depends_on: {node: started, db: created}}
          c: {depends_on: [g]}
          d: {depends_on: [db], state: off}
        """
    assert problems(tmp_path, text) == [
        (
            "Labfile.yaml:9:20: vms.a.depends_on[0]: db is never ready: its state is off "
            "(write {db: created}, or leave it out)"
        ),
        (
            "Labfile.yaml:10:26: vms.b.depends_on.node: node-2 is never started: its state is off "
            "(write {node: created}, or leave it out)"
        ),
        (
            "Labfile.yaml:11:20: vms.c.depends_on[0]: db is never ready: its state is off "
            "(write {g: created}, or leave it out)"
        ),
    ]
