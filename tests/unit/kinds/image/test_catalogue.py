"""The catalogue: labctl's own as data, and the user's."""

import json
from urllib.parse import urlsplit

import pytest
import yaml
from jsonschema import Draft202012Validator

from labctl import resources
from labctl.core.errors import LabctlError, UsageError
from labctl.host.builds import apt
from labctl.host.downloads import checksums, download
from labctl.kinds.image import catalogue
from labctl.kinds.image.resolve import _published, resolve_name

SCHEMA = json.loads(resources.text("schemas/catalogue.schema.json"))
REQUIRED = (
    "debian-12", "debian-13", "ubuntu-22.04", "ubuntu-24.04", "ubuntu-26.04", "fedora-44", "centos-stream-9",
    "centos-stream-10", "rocky-9", "rocky-10", "almalinux-9", "almalinux-10", "opensuse-leap-15.6",
    "opensuse-leap-16.0", "arch", "alpine-3.24", "freebsd-14", "cirros-0.6",
)  # fmt: skip


@pytest.fixture
def config(monkeypatch, tmp_path):
    """An empty folder of the user's, and a vendor that was not asked yet."""
    _published.cache_clear()
    monkeypatch.setenv("LABCTL_CONFIG_DIR", str(tmp_path))
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


def test_it_fits_its_schema():
    Draft202012Validator.check_schema(SCHEMA)
    assert not list(Draft202012Validator(SCHEMA).iter_errors(yaml.safe_load(resources.text(catalogue.OWN))))


def test_without_a_home_the_user_has_no_entries(monkeypatch, tmp_path):
    """Not those of a folder called `~` that came with a repository."""
    monkeypatch.setenv("LABCTL_CONFIG_DIR", "~/config")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~/config/images").mkdir(parents=True)
    (tmp_path / "~/config/images/own.yaml").write_text("own: {description: a stranger's}")
    assert catalogue.files() == []


def test_it_has_what_is_promised(config):
    assert set(REQUIRED) <= catalogue.entries().keys()


@pytest.mark.parametrize("name", REQUIRED)
def test_each_entry_says_where_its_image_is_and_how_it_is_verified(config, name):
    """Every address is whole, of https, and for each architecture its own."""
    entry = catalogue.entry(name)
    assert entry.memory
    assert entry.disk
    assert entry.user
    assert entry.source
    assert entry.urls.keys() == entry.checksums.keys()
    for arch in entry.architectures:
        for url in (entry.urls[arch], entry.checksums[arch]):
            assert urlsplit(url).scheme == "https"
            assert "{" not in url
        assert entry.console_of(arch)
    assert len(set(entry.urls.values())) == len(entry.architectures)
    assert entry.firmware_of("aarch64") == "uefi"


def test_the_users_own_win_and_add(config):
    (config / "mine.yaml").write_text(
        "debian-12: {url: 'https://mirror.example/{arch}.img', checksums: '{url}.sha256', memory: 1GiB}\n"
        f"golden: {{digests: {{x86_64: 'sha256:{'a' * 64}'}}}}\n"
    )
    mine = catalogue.entry("debian-12")
    assert mine.urls["aarch64"] == "https://mirror.example/aarch64.img"
    assert mine.checksums["x86_64"] == "https://mirror.example/x86_64.img.sha256"
    assert mine.memory == 1 << 30
    assert mine.file == str(config / "mine.yaml")
    golden = resolve_name("golden", "x86_64")
    assert (golden.key, golden.source) == (f"sha256-{'a' * 64}", "store")


def test_all_mistakes_of_a_users_file_are_told(config):
    (config / "mine.yaml").write_text("a: {url: 'http://x/y', memory: much}\nB: {}\n")
    with pytest.raises(LabctlError) as caught:
        catalogue.entries()
    assert caught.value.where == str(config / "mine.yaml")
    for part in ("a.url", "a.memory", "B"):
        assert part in caught.value.summary
    assert "labctl schema catalogue" in caught.value.hint


@pytest.mark.parametrize("text", ["a: [", "\xff", "- a\n"])
def test_a_users_file_that_is_none_is_told(config, text):
    (config / "mine.yaml").write_text(text, encoding="latin-1")
    with pytest.raises(LabctlError) as caught:
        catalogue.entries()
    assert caught.value.where == str(config / "mine.yaml")


def test_an_image_is_the_one_that_its_vendor_publishes_now(config, monkeypatch):
    digest = "b" * 128
    asked = []

    def fetch_text(url, **_options):
        asked.append(url)
        return f"{'c' * 128}  debian-12-generic-arm64.qcow2\n{digest}  debian-12-generic-amd64.qcow2\n"

    monkeypatch.setattr(download, "fetch_text", fetch_text)
    spec = resolve_name("debian-12", "x86_64")
    assert (spec.key, spec.source) == (f"sha512-{digest}", "url")
    assert spec.origin == catalogue.entry("debian-12").urls["x86_64"]
    assert asked == [catalogue.entry("debian-12").checksums["x86_64"]]


def test_a_digest_that_never_changes_is_not_asked_for(config, monkeypatch):
    monkeypatch.setattr(download, "fetch_text", lambda *_: pytest.fail("it asked"))
    spec = resolve_name("cirros-0.6", "x86_64")
    assert spec.key == "sha256-7d6355852aeb6dbcd191bcda7cd74f1536cfe5cbf8a10495a7283a8396e4b75b"


def test_where_the_vendor_can_t_be_asked_a_recipe_takes_its_place(config, monkeypatch):
    """Also on a host whose apt knows no packages, as here."""
    monkeypatch.setattr(apt, "_targets", list)

    def fetch_text(*_args, **_options):
        raise LabctlError("no network")

    monkeypatch.setattr(download, "fetch_text", fetch_text)
    assert resolve_name("debian-12", "x86_64").source == "build"
    with pytest.raises(LabctlError, match="no network"):
        resolve_name("ubuntu-24.04", "x86_64")


def test_another_architecture_is_told(config):
    with pytest.raises(LabctlError, match="arch is not made for aarch64") as caught:
        resolve_name("arch", "aarch64")
    assert "x86_64" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("ubuntu-24.04", "{digest} *{file}\n"),
        ("rocky-9", "# {file}: 1 bytes\nSHA256 ({file}) = {digest}\n"),
        ("alpine-3.23", "{digest}\n"),
        ("opensuse-leap-15.6", "{digest} {file}\n"),
    ],
)
def test_the_forms_that_the_catalogue_names_are_those_that_are_read(config, name, form):
    entry = catalogue.entry(name)
    file = entry.urls["x86_64"].rpartition("/")[2]
    digest = "d" * checksums.LENGTHS[entry.algorithm]
    found = checksums.find(form.format(digest=digest, file=file), file, "there")
    assert (found.algorithm, found.digest) == (entry.algorithm, digest)


@pytest.mark.parametrize(
    "text",
    [
        "1: {build: debian-12}",
        "my: {url: 'https://example.org/a.img'}",  # nothing to verify it by
        "my: {build: debian-12, checksums: 'https://example.org/SHA256SUMS'}",  # of what?
    ],
)
def test_what_could_not_be_used_is_refused(config, text):
    (config / "mine.yaml").write_text(text)
    with pytest.raises(LabctlError) as caught:
        catalogue.entries()
    assert caught.value.where == str(config / "mine.yaml")


def test_an_architecture_without_a_digest_is_told(config):
    address = "url: 'https://example.org/{arch}', architectures: {x86_64: amd64}"
    (config / "mine.yaml").write_text(f"my: {{{address}, digests: {{aarch64: 'sha256:{'a' * 64}'}}}}")
    with pytest.raises(LabctlError, match="nothing tells the digest of my for x86_64") as caught:
        resolve_name("my", "x86_64")
    assert "mine.yaml" in caught.value.hint


def test_a_name_that_nothing_has_is_a_wrong_command_line(config):
    with pytest.raises(UsageError, match="no image is called nosuch"):
        resolve_name("nosuch", "x86_64")
