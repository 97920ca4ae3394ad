"""Cloud-config means what it means to cloud-init, which reads it with PyYAML's SafeLoader."""

import datetime
import hashlib

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from yaml.constructor import ConstructorError

from labctl.core.errors import Rejected
from labctl.core.unquoted import Unquoted
from labctl.engine.guests import seed_digest
from labctl.kinds.seed.render import _yaml
from labctl.labfile import yaml_reader as labyaml
from labctl.labfile.context import ReadContext
from labctl.labfile.interpolate import plain
from tests.unit.labfile.labfiles import loaded, problems, vms

DATE = datetime.date(2001, 1, 1)
PLAIN = st.sampled_from(
    ["no", "off", "Yes", "NULL", "~", "0600", "0o600", "0x1F", "0b11", "1_000", "12:30:45", "22:22", "190:20:30.15",
     "1e3", "1.0e+3", "1.5", ".inf", "-.INF", ".nan", "2001-01-01", "2001-12-14t21:59:43.10-05:00", "09", "010", "+1",
     "1.10", "1.2.3", "52:54:00:12:34:56", "<<", "y", "n", "true", "True", "_1", "0", "00",
     "ä", "日本", "\U0001f600",
     "9" * 50]
) | st.from_regex(r"[-+]?[0-9_.:eExobT-]{1,12}", fullmatch=True)  # fmt: skip


def written(value):
    """How it arrives in the guest."""
    return yaml.safe_load(_yaml({"it": value}))["it"]


def in_labfile(text, value="{a: %s}"):
    tree, found = labyaml.read_yaml(f"vms: {{v: {{cloud_init: {value % text}}}}}\n".encode(), "f")
    return plain(tree["vms"]["v"]["cloud_init"]), [str(each) for each in found]


@given(PLAIN)
@example("=")
@example("2001-13-45")
@example("0b_")
def test_a_plain_scalar_arrives_as_cloud_init_reads_it(text):
    """In the Labfile and in a file; what cloud-init can't read is an error at its place."""
    source = f"{{a: {text}}}"
    try:
        expected = yaml.safe_load(source)
    except (ValueError, ConstructorError):
        assert "f:1:27: vms.v.cloud_init.a: cloud-init can't read this" in in_labfile(text)[1][0]
        return
    except yaml.YAMLError:
        return  # no scalar
    config, found = in_labfile(text)
    assert found == []
    assert repr(written(config)) == repr(expected)
    tree, found = labyaml.read_yaml(source.encode(), "f", cloud=True)
    assert repr(written(plain(tree))) == repr(expected)


@given(PLAIN)
def test_a_plain_key_arrives_as_cloud_init_reads_it(text):
    """Keys of `snap: {commands: {00: …}}` are numbers, and are sorted as such."""
    source = f"{{a: {{? {text} : 1}}}}"
    try:
        expected = yaml.safe_load(source)
        config, _ = in_labfile("", source.replace("%", "%%") + "%s")
    except (ValueError, yaml.YAMLError, Rejected):
        return
    assert repr(written(config)) == repr(expected)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text()
        | PLAIN
        | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | PLAIN, inner),
    )
)
@example(
    [
        "\x85",
        "\u2028",
        "\ufeff",
        " lead",
        "trail ",
        "a\n\n b\n",
        "#",
        ": ",
        "- ",
        "\t",
        "a: b",
        "'",
        '"',
        "\r\n",
    ]
)
def test_whatever_is_written_is_read_as_the_same_values(value):
    """Texts that look like numbers, dates or truth, line ends, all of Unicode; and all of it in ASCII."""
    assert written(value) == value
    assert _yaml({"it": value}).isascii()


@pytest.mark.parametrize(
    ("text", "value"),
    [("permissions: 0600", 0o600), ("lock_passwd: no", False), ("uid: 01234", 0o1234), ("uid: 1e3", "1e3"),
     ("x: 12:30:45", 45045), ("x: 2001-01-01", DATE), ('x: "0600"', "0600"), ("x: !!binary aGk=", b"hi"),
     ("x: '2001-01-01'", "2001-01-01")],
)  # fmt: skip
def test_what_people_paste_works_as_in_any_cloud(tmp_path, text, value):
    (tmp_path / "user-data").write_text(f"#cloud-config\n{text}\n")
    both = f"{{a: {{cloud_init: {{{text}}}}}, b: {{cloud_init: {{file: user-data}}}}}}"
    lab = f"defaults: {{image: debian-12}}\nvms: {both}\n"
    for vm in vms(tmp_path, lab).values():
        assert written(vm.cloud_init) == {text.partition(":")[0]: value}


def test_the_rest_of_the_labfile_is_yaml_1_2(tmp_path):
    """Also what is called cloud_init and is none."""
    text = """
    groups: {cloud_init: {children: [a], memory: 1GiB, hostname: no}}
    vms: {a: {image: debian-12, hostname: yes, groups: [cloud_init], cloud_init: {x: no}}}
    """
    vm = vms(tmp_path, text)["a"]
    assert (vm.hostname, vm.cloud_init) == ("yes", {"x": False})


def test_every_layer_s_cloud_config_is_yaml_1_1(tmp_path):
    text = """
    defaults: {image: debian-12, cloud_init: {a: no}}
    groups: {g: {cloud_init: {b: no}}}
    x-more: {cloud_init: &more {c: no}}
    vms: {v: {count: 1, groups: [g], cloud_init: {<<: *more, d: no}, instances: {1: {cloud_init: {e: no}}}}}
    """
    assert vms(tmp_path, text)["v-1"].cloud_init == dict.fromkeys("acbde", False)


def test_an_alias_means_what_it_would_mean_in_its_place(tmp_path):
    """Written outside cloud-config and used in it, and the other way round; through other aliases, keys too."""
    text = """
    x-mode: &mode 0600
    x-file: &file {path: /k, permissions: *mode, 010: no}
    vms:
      a: {image: debian-12, cpus: &two 02, cloud_init: {x: *two, write_files: [*file], b: &list [no, on]}}
      b: {image: debian-12, networks: *list}
    networks: {no: {}, on: {}}
    """
    got = vms(tmp_path, text)
    file = {"path": "/k", "permissions": 0o600, 0o10: False}
    assert written(got["a"].cloud_init) == {"x": 2, "write_files": [file], "b": [False, True]}
    assert [nic.network for nic in got["b"].nics] == ["no", "on"]


def test_filled_in_values_keep_their_type(tmp_path):
    """A parameter is no cloud-config: a text stays one, whatever it looks like."""
    text = """
    parameters: {mode: {default: "0600"}, n: {type: integer, default: 5}, off: {default: "no"}}
    vms: {a: {image: debian-12, cloud_init: {a: "${mode}", b: "${n}", c: "${off}", d: "${n}0", e: "${n}:30"}}}
    """
    config = vms(tmp_path, text)["a"].cloud_init
    assert written(config) == {"a": "0600", "b": 5, "c": "no", "d": "50", "e": "5:30"}


def test_a_date_and_its_text_are_two_seeds():
    """And seeds that were made before keep their digest, so that no VM is replaced for it."""
    digests = {seed_digest(b"k", {"x": each}, "lab", "a") for each in (Unquoted("2001-01-01"), "2001-01-01")}
    assert digests == {
        "bf7c90c7:c5347e5647daf461689cf96de57789bf",
        seed_digest(b"k", {"x": Unquoted("2001-01-01")}, "lab", "a"),
    }


@pytest.mark.parametrize(
    ("config", "warns"),
    [
        ("ssh_pwauth: no", None), ("ssh_pwauth: 'no'", None), ("ssh_pwauth: false", None),
        ("ssh_pwauth: unchanged", None), ("ssh_pwauth: ", None), ("ssh_pwauth: yes", "ssh_pwauth"),
        ("ssh_pwauth: 'Yes'", "ssh_pwauth"),
        ("ssh_pwauth: 1", "ssh_pwauth"), ("chpasswd: {expire: no}", None), ("password: x", "password"),
        ("chpasswd: {list: 'a:b'}", "chpasswd"), ("chpasswd: {users: [{name: a}]}", "chpasswd"),
        ("users: [{name: a, passwd: x, lock_passwd: no}]", "users[0].lock_passwd"),
        ("users: [{name: a, passwd: x, lock-passwd: no}]", "users[0].lock-passwd"),
        ("users: [{name: a, passwd: x, lock_passwd: 'no'}]", None),  # a text is true
        ("users: [{name: a, passwd: x, lock_passwd: yes}]", None), ("users: [{name: a, lock_passwd: no}]", None),
        ("users: {a: {passwd: x, lock_passwd: no}}", "users.a.lock_passwd"),
    ],
)  # fmt: skip
def test_password_logins_are_warned_of_in_every_spelling_and_nothing_else(tmp_path, config, warns):
    found = loaded(tmp_path, f"vms: {{a: {{image: debian-12, cloud_init: {{{config}}}}}}}\n").warnings
    expected = f"vms.a.cloud_init.{warns}: this turns password login on"
    assert [str(each).partition(" ")[2] for each in found] == ([expected] if warns else [])


def test_a_network_in_cloud_config_gets_a_warning(tmp_path):
    found = loaded(tmp_path, "vms: {a: {image: debian-12, cloud_init: {network: {version: 2}}}}\n").warnings
    expected = "cloud-init does not look for the network in cloud-config, so this does nothing"
    assert [(each.path, each.summary) for each in found] == [("vms.a.cloud_init.network", expected)]


def test_exec_runs_in_the_guest(tmp_path):
    """From the host it is no URL to fetch, it is an error."""
    (found,) = problems(tmp_path, "vms: {a: {image: debian-12, ready: [{exec: x, from: host}]}}\n")
    assert found == (
        "Labfile.yaml:3:53: vms.a.ready[0].from: exec runs in the guest "
        "(leave `from` out, or use tcp or http, which can be checked from the host)"
    )


@pytest.mark.parametrize(
    "content",
    ["root:$y$secret:19000:0\n", "secret\n", "a: secret\na: secret\n", "{secret", "#!/bin/secret\n"],
)
def test_of_a_file_from_outside_no_problem_quotes_anything(tmp_path, content):
    (tmp_path / "shadow").write_text(content)
    folder = tmp_path / "lab"
    folder.mkdir()
    (found,) = problems(folder, "vms: {a: {image: debian-12, cloud_init: {file: ../shadow}}}\n")
    assert "secret" not in found
    assert "../shadow: this is no valid cloud-config" in found


def test_the_digest_of_a_file_from_outside_is_that_of_what_was_read(tmp_path):
    (tmp_path / "config").write_text("packages: [curl]\n")
    folder = tmp_path / "lab"
    folder.mkdir()
    lab = loaded(folder, "vms: {a: {image: debian-12, cloud_init: {file: ../config}}}\n").lab
    (reach,) = lab.outside.values()
    assert reach.content == "sha256-" + hashlib.sha256(b"packages: [curl]\n").hexdigest()


def test_a_link_that_comes_after_the_look_at_the_path_is_not_followed(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text("packages: [hunter2]\n")
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "user-data").write_text("packages: [curl]\n")
    looked = ReadContext.file

    def file(context, holder, key):
        path = looked(context, holder, key)
        path.unlink()
        path.symlink_to("../secret")
        return path

    monkeypatch.setattr(ReadContext, "file", file)
    (found,) = problems(folder, "vms: {a: {image: debian-12, cloud_init: {file: user-data}}}\n")
    assert "user-data: there is a link on the way to it" in found
