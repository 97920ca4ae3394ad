import contextlib
import io
import os
import re
import subprocess
import sys
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml as pyyaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl.core.errors import Rejected
from labctl.labfile import init_templates, schema, validate, violations
from labctl.labfile.docs import reference
from labctl.labfile.load import load
from labctl.labfile.model import Bandwidth, Disk
from tests.unit.labfile import documents
from tests.unit.labfile.labfiles import loaded, problems, vms
from tests.unit.work import lines

ROOT = Path(__file__).parents[3]


def test_a_missing_labfile_says_how_to_get_one(tmp_path):
    with pytest.raises(Rejected) as caught:
        load(str(tmp_path / "Labfile.yaml"))
    assert caught.value.problems[0].hint == "`labctl init` writes one to start from, -f names another"


def test_standard_input_counts_from_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"labfile: 1\nname: lab\n")))
    lab = load("-").lab
    assert (lab.path, lab.folder) == (tmp_path / "-", tmp_path)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"labfile: 1\nname: LAB\n")))
    with pytest.raises(Rejected, match="<stdin>:2:7: name: "):
        load("-")


def test_values_become_the_models(tmp_path):
    lab = loaded(
        tmp_path,
        """
        networks:
          a: {subnet: 10.1.0.0/24, bandwidth: {inbound: 10MiB/s}, dhcp: {range: 10.1.0.100-10.1.0.200},
              dns: {hosts: {x.y: 10.1.0.9}}}
        volumes: {v: {size: 1G}}
        vms:
          w:
            image: none
            disk: 1.5KiB
            disks: [{name: d, count: 2, size: 1M, bus: scsi}, {name: v, volume: v}]
            memory: 1000M
            timeout: 1m30s
            networks: [{name: a, ip: 10.1.0.150, ip6: false}]
        """,
    ).lab
    net, vm = lab.networks[0], lab.vms[0]
    assert net.subnet == IPv4Network("10.1.0.0/24")
    assert net.bandwidth == Bandwidth(10240, None)
    assert net.dhcp.range == (IPv4Address("10.1.0.100"), IPv4Address("10.1.0.200"))
    assert net.dns_hosts == (("x.y", IPv4Address("10.1.0.9")),)
    assert lab.volumes[0].size == 10**9 + 512  # whole KiB
    assert vm.disks == (
        Disk("root", 2048),
        Disk("d-1", 1_000_448, bus="scsi"),  # whole KiB
        Disk("d-2", 1_000_448, bus="scsi"),
        Disk("v", volume="v"),
    )
    assert (vm.memory, vm.timeout, vm.cloud_init) == (954 << 20, 90.0, False)


def test_conditions_of_a_vm_without_cloud_init_are_checked_from_the_host(tmp_path):
    assert vms(tmp_path, "vms: {a: {image: none, ready: [{tcp: 1}]}}\n")["a"].ready[0].origin == "host"


def test_doubtful_things_are_warnings(tmp_path):
    found = loaded(
        tmp_path,
        """
        networks: {a: {subnet: 10.1.0.0/24, dhcp: false}}
        vms:
          p: {image: debian-12, cloud_init: {ssh_pwauth: true, password: x}}
          q: {image: debian-12, cloud_init: {users: [default, {name: u, passwd: x, lock_passwd: false}]}}
          s: {image: none, networks: [{name: a, ip: 10.1.0.5}]}
        """,
    ).warnings
    assert [str(each).partition("Labfile.yaml:")[2] for each in found] == [
        "6:38: vms.p.cloud_init.ssh_pwauth: this turns password login on",
        "7:76: vms.q.cloud_init.users[1].lock_passwd: this turns password login on",
        "8:45: vms.s.networks[0].ip: nothing brings 10.1.0.5 to the guest (it has no seed and the network no DHCP)",
    ]


def test_where_finds_fields_wherever_they_are_written(tmp_path):
    lab = loaded(
        tmp_path,
        """\
        networks: {a: {}}
        defaults: {image: none, memory: 1GiB}
        vms:
          web:
            count: 2
            networks: [{name: a, ip: false}]
        """,
    ).lab

    def where(*path):
        return str(lab.where(*path)).partition("Labfile.yaml:")[2]

    assert where("vms", "web-2", "count") == "7:12"
    assert where("vms", "web-2", "memory") == "4:33"
    assert where("vms", "web-2", "cpus") == "6:3"
    assert where("vms", "web", "networks", "a", "ip") == where("vms", "web", "networks", 0, "ip") == "8:30"
    assert where("networks", "a", "subnet") == "3:12"
    assert where("nowhere") == "1:1"
    assert set(lab.positions) >= {("vms", "web", "count"), ()}


def test_a_wrong_field_hides_no_other_problem_and_makes_none(tmp_path):
    """The network keeps its name although its subnet is wrong."""
    assert problems(
        tmp_path, "networks: {a: {subnet: x}}\nvms: {b: {image: 5, networks: [a, c], memory: '${m}GiB'}}\n"
    ) == [
        'Labfile.yaml:3:24: networks.a.subnet: expected an IPv4 subnet such as 10.90.0.0/24, got "x"',
        (
            "Labfile.yaml:4:18: vms.b.image: expected an image's name, a path, `none` or "
            "a map of `path`, `url` and `sha256`, or `build`, got 5"
        ),
        "Labfile.yaml:4:35: vms.b.networks[1]: there is no network c (write it under networks)",
        "Labfile.yaml:4:47: vms.b.memory: ${m} names nothing (write $${ for a literal ${)",
    ]


@given(documents.labfiles())
@settings(
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ]
)
def test_every_valid_document_is_a_lab_or_rejected_with_places(tmp_path, document):
    """No other exception; what is rejected stands somewhere."""
    path = tmp_path / "Labfile.yaml"
    path.write_text(pyyaml.safe_dump(document, allow_unicode=True, default_flow_style=None), encoding="utf-8")
    try:
        load(str(path))
    except Rejected as error:
        assert all(problem.where for problem in error.problems)  # noqa: PT017 - either outcome is right


@given(st.data())
@settings(
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ]
)
def test_a_single_violation_is_told_at_its_own_place(tmp_path, data):
    """One wrong node in a valid document: a problem stands at that node's line and column."""
    document = data.draw(documents.labfiles())
    kinds = {"vms": "vm", "networks": "network"}
    section = data.draw(st.sampled_from(sorted(kinds)))
    document[section] = {"one": {"image": "none"} if section == "vms" else {}}
    field = data.draw(st.sampled_from(sorted(schema.definition(kinds[section])["properties"])))
    document[section]["one"][field] = {"no such key": None}
    if validate.is_valid(document) or field == "cloud_init":
        return
    text = pyyaml.safe_dump(document, default_flow_style=None, sort_keys=False)
    path = tmp_path / "Labfile.yaml"
    path.write_text(text)
    node = pyyaml.compose(text, Loader=pyyaml.SafeLoader)
    for key in (section, "one", field):
        node = next(value for name, value in node.value if name.value == key)
    marks = {
        (mark.line + 1, mark.column + 1) for mark in (node.start_mark, *(k.start_mark for k, _ in node.value))
    }
    with pytest.raises(Rejected) as caught:
        load(str(path))
    assert marks & {(problem.where.line, problem.where.column) for problem in caught.value.problems}


@pytest.mark.parametrize("name", init_templates.template_names())
def test_starting_labs_load_without_a_warning(tmp_path, name):
    path = tmp_path / "Labfile.yaml"
    path.write_text(init_templates.template_text(name))
    found = load(str(path))
    assert found.warnings == ()
    assert found.lab.name == name


@pytest.mark.parametrize("name", [*init_templates.template_names(), "examples"])
def test_labfiles_to_read_fit_on_a_terminal(name):
    example = ROOT / "examples/Labfile.yaml"
    text = example.read_text() if name == "examples" else init_templates.template_text(name)
    assert [line for line in text.splitlines() if len(line) > 80] == []


def test_the_lab_that_the_readme_begins_with_comes_back_in_seconds(tmp_path):
    """Its first screen types `init`, `up`, `destroy` and `up`, and says that nothing boots then."""
    name = re.search(r"^labctl init (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE)[1]
    path = tmp_path / "Labfile.yaml"
    path.write_text(init_templates.template_text(name))
    assert load(str(path)).lab.warm


def test_the_example_loads_and_explains_itself():
    found = load(str(ROOT / "examples/Labfile.yaml"))
    assert found.warnings == ()
    assert [vm.name for vm in found.lab.vms] == ["db", "web"]


def test_the_reference_is_up_to_date():
    """Made by `python -m labctl.labfile.docs > docs/labfile.md`."""
    assert (ROOT / "docs/labfile.md").read_text() == reference()


def test_a_good_labfile_needs_no_jsonschema(tmp_path):
    """Its import would cost more than the rest."""
    path = tmp_path / "Labfile.yaml"
    path.write_text(init_templates.template_text("cluster"))
    code = f"import sys; from labctl.labfile.load import load; load({str(path)!r}); print('jsonschema' in sys.modules)"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
        ).stdout
        == "False\n"
    )


def test_the_work_of_loading_grows_as_the_lab_does(tmp_path):
    """How long a thousand VMs take is measured in tests/bench."""

    def work(count):
        text = "networks: {a: {}, b: {mode: isolated}}\nvms:\n" + "".join(
            f"  vm-{i}: {{image: debian-12, memory: 512MiB, networks: [a, {{name: b}}], disk: 20GiB}}\n"
            for i in range(count)
        )
        return lines(lambda: vms(tmp_path, text))

    work(1)  # what is read once a process, as the schema
    assert work(300) < 11 * work(30)


def test_the_work_of_telling_problems_grows_as_they_do(tmp_path):
    def work(count):
        text = "vms:\n" + "".join(f"  vm-{i}: {{image: none, memroy: 512MiB}}\n" for i in range(count))
        return lines(lambda: told.append(len(problems(tmp_path, text))))

    told = []
    work(1)
    assert work(300) < 11 * work(30)
    assert told == [1, 50, 30]


def test_explanations_never_speak_jsonschema(tmp_path):
    """A type error in each field of a VM and a network is worded by the schema's titles."""
    for name in ("vm", "network", "disk", "nic", "condition", "parameter"):
        for key in schema.definition(name)["properties"]:
            for told in violations.find_violations({key: {"wrong": [None]}}, name):
                assert (
                    told.summary.startswith(("expected ", "unknown key ", "exactly one of "))
                    or " missing" in told.summary
                )


def test_paths_that_lead_to_no_file_are_told(tmp_path):
    """Also a home of nobody, and a pipe, which would never end."""
    os.mkfifo(tmp_path / "pipe")
    text = """\
        vms:
          a: {image: ~nobody-of-that-name/x}
          b: {image: debian-12, cloud_init: {file: ~nobody-of-that-name/x}}
          c: {image: debian-12, cloud_init: {file: pipe}}
        """
    assert [each.partition(" (")[0] for each in problems(tmp_path, text)] == [
        "Labfile.yaml:4:14: vms.a.image: ~nobody-of-that-name/x: there is no such file",
        "Labfile.yaml:5:44: vms.b.cloud_init.file: ~nobody-of-that-name/x: there is no such file",
        "Labfile.yaml:6:44: vms.c.cloud_init.file: pipe: this is no file",
    ]


FILES = """\
labfile: 1
name: shop
networks: {front: {}}
vms:
  web:
    image: ./web.qcow2
    cloud_init: {file: seed/web.yaml}
    networks: [front]
"""


@pytest.mark.parametrize("text", [FILES, FILES + "  db: {memory: lots}\n"], ids=["right", "wrong"])
def test_the_files_of_a_lab_are_known_also_where_it_is_wrong(tmp_path, text):
    """And where some are missing: they may come."""
    path, params = tmp_path / "Labfile.yaml", tmp_path / "params.yaml"
    path.write_text(text)
    params.write_text("{}")
    files = set()
    with pytest.raises(Rejected):
        load(str(path), params_files=[params], files=files)
    assert files == {path, params, tmp_path / "web.qcow2", tmp_path / "seed/web.yaml"}


STEPS = """\
labfile: 1
name: shop
networks: {front: {}}
vms:
  web:
    image: none
    disk: 1GiB
    networks: [front]
    cloud_init: {}
    provision:
      - copy: {source: conf, target: /etc/app}
      - fetch: {source: /etc/machine-id, target: out/id}
      - copy: {source: out, target: /srv/out}
"""


def test_what_a_step_fetches_is_none_of_the_files_that_a_lab_is_made_from(tmp_path):
    """To watch it would be without end."""
    path, files = tmp_path / "Labfile.yaml", set()
    path.write_text(STEPS)
    (tmp_path / "conf").write_text("x")
    with contextlib.suppress(Rejected):
        load(str(path), files=files)
    assert files == {path, tmp_path / "conf"}
