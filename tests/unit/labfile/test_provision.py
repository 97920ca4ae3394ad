"""What a Labfile may say of provisioning, and what is told of what it may not."""

import pytest

from labctl.core.host_reach import Deed
from labctl.kinds.provision.work import Ansible, Copy, Fetch, Shell
from labctl.labfile.load import load
from tests.unit.labfile.labfiles import loaded, problems, vms


def told(tmp_path, text):
    """The messages of a Labfile, without the file's name and the position."""
    return [each.partition(": ")[2] for each in problems(tmp_path, text)]


def test_steps_of_all_layers_append_and_a_script_is_left_as_it_is(tmp_path):
    (tmp_path / "page").write_text("hello")
    text = """
        parameters: {port: {type: integer, default: 80}, pw: {secret: true}}
        defaults:
          image: debian-12
          provision: [{shell: 'echo ${HOME} $${x}', run: always}]
        groups: {g: {provision: [{name: page, copy: {source: page, target: /srv, mode: "0600"}, user: lab}]}}
        vms:
          web:
            groups: [g]
            provision: [{shell: serve, env: {PORT: "${port}", PW: "${pw}", NAME: "${name}", ON: true}}]
        """
    (always, copied, served) = vms(tmp_path, text, sets={"pw": "sesame"})["web"].provision
    assert (always.work, always.run) == (Shell("echo ${HOME} $${x}"), "always")
    assert (copied.work, copied.user) == (Copy(tmp_path / "page", "/srv", 0o600), "lab")
    assert served.env == (("PORT", "80"), ("PW", "sesame"), ("NAME", "web"), ("ON", "true"))
    assert loaded(tmp_path, text, sets={"pw": "sesame"}).lab.secrets == {"pw"}


def test_a_step_of_the_lab_is_done_on_all_vms_with_cloud_init_or_on_those_it_names(tmp_path):
    text = """
        defaults: {image: debian-12}
        groups: {g: {children: [db]}}
        vms: {web: {count: 2}, db: {}, bare: {cloud_init: false}}
        provision: [{shell: a}, {shell: b, on: [web-2, g]}, {shell: c, on: [web]}]
        """
    assert [step.on for step in loaded(tmp_path, text).lab.provision] == [
        ("web-1", "web-2", "db"),
        ("web-2", "db"),
        ("web-1", "web-2"),
    ]


def test_a_playbook_has_its_variables_with_values_filled_in_and_its_tags(tmp_path):
    (tmp_path / "site.yaml").write_text("[]")
    text = """
        parameters: {pw: {secret: true}}
        vms:
          web:
            image: debian-12
            provision: [{ansible: {playbook: site.yaml, vars: {pw: "${pw}", list: [1, "${name}"]}, tags: [a, b]}}]
        """
    [step] = vms(tmp_path, text, sets={"pw": "sesame"})["web"].provision
    variables = '{"pw": "sesame", "list": [1, "web"]}'
    assert step.work == Ansible(tmp_path / "site.yaml", variables, ("a", "b"))
    files = set()
    load(str(tmp_path / "Labfile.yaml"), sets={"pw": "sesame"}, files=files)
    assert tmp_path / "site.yaml" in files


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (
            "{ansible: {playbook: nowhere.yaml}}",
            "vms.web.provision[0].ansible.playbook: nowhere.yaml: there is no such file",
        ),
        (
            "{ansible: {playbook: page}, user: me}",
            "vms.web.provision[0].user: user means nothing beside ansible",
        ),
        (
            "{ansible: {playbook: page}, env: {A: 1}}",
            "vms.web.provision[0].env: env means nothing beside ansible",
        ),
        (
            "{ansible: {playbook: page}, reboot: true}",
            "vms.web.provision[0].reboot: reboot means nothing beside ansible",
        ),
        (
            "{ansible: {playbook: page, tags: ['--x']}}",
            "vms.web.provision[0].ansible.tags[0]: expected a tag of letters",
        ),
        *(
            (
                f"{{ansible: {{playbook: page, vars: {{{name}: x}}}}}}",
                f"vms.web.provision[0].ansible.vars.{name}: a variable can't be called {name} (such names say how",
            )
            for name in ("ansible_ssh_common_args", "ansible_connection", "become_exe", "environment", "port")
        ),
        ("{name: a}", "vms.web.provision[0]: exactly one of shell, copy, fetch, ansible is needed"),
        ("{shell: a, copy: {source: page, target: /x}}", "vms.web.provision[0]: exactly one of shell, copy"),
        ("{shell: a, name: x}, {shell: b, name: x}", "vms.web.provision[1]: two steps are called x"),
        ("{copy: {source: page, target: x}}", "vms.web.provision[0].copy.target: expected an absolute path"),
        (
            "{copy: {source: nowhere, target: /x}}",
            "vms.web.provision[0].copy.source: nowhere: there is no such file",
        ),
        (
            "{fetch: {source: /x, target: .labctl/x}}",
            "vms.web.provision[0].fetch.target: .labctl/x is labctl's own",
        ),
        (
            "{fetch: {source: /x, target: Labfile.yaml}}",
            "vms.web.provision[0].fetch.target: Labfile.yaml is labctl's",
        ),
        (
            "{fetch: {source: /x, target: ./}}",
            "vms.web.provision[0].fetch.target: ./ is the Labfile's folder",
        ),
        (
            "{copy: {source: ., target: /x}}",
            "vms.web.provision[0].copy.source: . is the Labfile's folder, or above it",
        ),
        ("{copy: {source: .labctl, target: /x}}", "vms.web.provision[0].copy.source: .labctl"),
        ("{shell: a, user: 'a;b'}", "vms.web.provision[0].user: expected a user's name"),
        ("{shell: a, env: {'a b': c}}", "vms.web.provision[0].env"),
        ("{shell: a, run: twice}", "vms.web.provision[0].run: expected"),
    ],
)
def test_what_can_t_be_is_told_at_its_field(tmp_path, step, expected):
    (tmp_path / "page").write_text("hello")
    (only,) = told(tmp_path, f"vms: {{web: {{image: debian-12, provision: [{step}]}}}}\n")
    assert only.startswith(expected)


def test_what_a_fetch_makes_may_be_copied_before_it_is_there(tmp_path):
    text = """
        vms:
          a: {image: debian-12, provision: [{fetch: {source: /k, target: keys/k}}]}
          b: {image: debian-12, provision: [{copy: {source: keys/k, target: /k}}, {copy: {source: keys, target: /k}}]}
        """
    assert vms(tmp_path, text)["a"].provision[0].work == Fetch("/k", tmp_path / "keys/k")
    assert told(tmp_path, text) == []


def test_steps_need_a_vm_with_cloud_init(tmp_path):
    text = """
        vms: {a: {image: debian-12, cloud_init: false, provision: [{shell: x}]}}
        provision: [{shell: x, on: [a, b]}]
        """
    assert told(tmp_path, text) == [
        (
            "vms.a.provision: nothing in a VM without cloud-init can run this "
            "(give the VM cloud-init, or use an image that has what it needs)"
        ),
        "provision[0].on[0]: nothing in a can run this: it is without cloud-init",
        "provision[0].on[1]: there is no VM or group b (known: a)",
    ]


def test_a_file_is_fetched_from_one_vm(tmp_path):
    text = """
        vms: {a: {image: debian-12}, b: {image: debian-12}}
        provision: [{fetch: {source: /x, target: x}}, {fetch: {source: /x, target: x}, on: [a]}]
        """
    counted = "vms: {a: {count: 2, image: debian-12, provision: [{fetch: {source: /x, target: 'OUT'}}]}}\n"
    assert told(tmp_path, counted.replace("OUT", "x")) == [
        "vms.a.provision[0].fetch.target: several VMs would write x (put ${name} into it)"
    ]
    assert told(tmp_path, counted.replace("OUT", "x-${name}")) == []
    assert told(tmp_path, text) == [
        "provision[0].fetch: each of 2 VMs would write x (name one VM in `on`, or fetch as a step of the VMs)"
    ]


def test_a_place_outside_of_the_folder_or_hidden_in_it_is_reached(tmp_path):
    folder = tmp_path / "lab"
    folder.mkdir()
    text = """
        vms:
          a:
            image: debian-12
            provision:
              - {fetch: {source: /k, target: ../out}}
              - {fetch: {source: /k, target: .git/hooks/post-commit}}
              - {fetch: {source: /k, target: fine/here}}
        """
    found = loaded(folder, text).lab.written
    assert {path.name: (each.deed, each.reason) for path, each in found.items()} == {
        "out": (Deed.WRITES, "a place outside the Labfile's folder"),
        "post-commit": (Deed.WRITES, "a hidden place in the Labfile's folder"),
    }
