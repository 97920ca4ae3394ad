"""`image` as a Labfile states it."""

from labctl.host.builds.image_build import File, ImageBuild
from tests.unit.labfile.labfiles import problems, vms

BUILD = """\
vms:
  web:
    image:
      build:
        suite: bookworm
        packages: [nginx, curl=7.88.1-10]
        size: 5GiB
        files:
          - {target: /etc/motd, content: "hello\\n"}
          - {target: /usr/local/bin/tool, source: tool.sh, mode: "0755"}
        run: [systemctl enable nginx]
        bootable: true
"""


def test_a_build_is_read_whole(tmp_path):
    (tmp_path / "tool.sh").write_text("#!/bin/sh\n")
    image = vms(tmp_path, BUILD)["web"].image
    assert image.build == ImageBuild(
        distribution="debian",
        suite="bookworm",
        packages=("nginx", "curl=7.88.1-10"),
        size=5 << 30,
        files=(
            File("/etc/motd", None, "hello\n"),
            File("/usr/local/bin/tool", tmp_path / "tool.sh", None, 0o755),
        ),
        run=("systemctl enable nginx",),
        bootable=True,
    )


def test_its_name_follows_from_what_is_stated_and_not_from_where(tmp_path):
    """A lock means the same in another checkout."""
    labels = set()
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        (folder / "tool.sh").write_text("#!/bin/sh\n")
        labels.add(vms(folder, BUILD)["web"].image.label)
    other = vms(tmp_path / "a", BUILD.replace("5GiB", "6GiB"))["web"].image.label
    assert len(labels) == 1
    assert labels.isdisjoint({other})
    assert other.startswith("bookworm-")


def test_what_is_built_may_refer_to_addresses(tmp_path):
    text = """\
networks: {back: {}}
vms:
  db: {image: none, networks: [back]}
  web:
    image: {build: {suite: bookworm, files: [{target: "/etc/${vms.db.back.ip}", content: a}]}}
"""
    assert problems(tmp_path, text) == []


def test_what_can_t_be_built_is_told_at_its_place(tmp_path):
    text = """\
vms:
  web:
    image:
      build:
        distribution: debain
        suite: Bookworm
        packages: [nginx, -rf]
        size: 1GiB
        files:
          - {target: /tmp/x, content: a}
          - {target: /etc/../x, source: nosuch}
          - {target: etc/x, content: a, mode: 644}
"""
    places = [each.removeprefix("Labfile.yaml:").split(" ")[:2] for each in problems(tmp_path, text)]
    at = "vms.web.image.build"
    assert places == [
        ["7:23:", f"{at}.distribution:"],
        ["8:16:", f"{at}.suite:"],
        ["9:27:", f"{at}.packages[1]:"],
        ["10:15:", f"{at}.size:"],
        ["12:22:", f"{at}.files[0].target:"],
        ["13:22:", f"{at}.files[1].target:"],
        ["13:41:", f"{at}.files[1].source:"],
        ["14:22:", f"{at}.files[2].target:"],
        ["14:47:", f"{at}.files[2].mode:"],
    ]


def test_a_digest_does_not_go_with_a_build(tmp_path):
    text = f"vms: {{web: {{image: {{build: {{suite: bookworm}}, sha256: {'a' * 64}}}}}}}\n"
    (problem,) = problems(tmp_path, text)
    assert "sha256 goes with url, not with build" in problem
