"""What images are called: names that were given, and which of the store's is meant."""

import json

import pytest

from labctl.app.images import catalogue, names
from labctl.core.errors import LabctlError, UsageError
from labctl.kinds.image import catalogue as entries
from labctl.kinds.image.spec import ImageSpec
from labctl.kinds.image.store import StoredImage

ONE, TWO = "sha256-12" + "a" * 62, "sha512-" + "b" * 128


@pytest.fixture(autouse=True)
def config(monkeypatch, tmp_path):
    monkeypatch.setenv("LABCTL_CONFIG_DIR", str(tmp_path))
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


def stored(label: str, key: str) -> StoredImage:
    return StoredImage(ImageSpec(label, key), 1, (), {})


@pytest.fixture
def find(monkeypatch):
    """Find images in a store that has these."""

    def found(name: str, *images: StoredImage) -> list[str]:
        monkeypatch.setattr(catalogue.ImageStore, "stored", lambda _store: list(images))
        return [each.spec.key for each in catalogue.find(None, [name])]

    return found


@pytest.mark.parametrize("name", [ONE[7:13], ONE[:13], "sha256:12aaaa", ONE, ONE.replace("-", ":"), "router"])
def test_an_image_is_found_by_its_name_or_its_digest(find, name):
    assert find(name, stored("router", ONE), stored("other", TWO)) == [ONE]


@pytest.mark.parametrize("name", ["sha256:", "debian-12", "my-router-", "sha256:12", "x-12aaaa", "12aaa"])
def test_nothing_else_is_the_beginning_of_a_digest(find, name):
    """`remove debian-12 --yes` must not remove what only has a digest that begins with 12."""
    with pytest.raises(UsageError, match="no image in the store"):
        find(name, stored("router", ONE))


def test_an_image_with_two_names_is_found_by_both_and_loses_both(config, find):
    for name in ("one", "two"):
        names.remember(ImageSpec(name, ONE, arch="x86_64"), "a.qcow2")
    for name in ("one", "two"):
        assert find(name, stored("two", ONE)) == [ONE]
    names.forget(ONE)
    assert list(config.iterdir()) == []


def test_an_older_image_of_that_name_goes_without_the_name(config):
    names.remember(ImageSpec("router", ONE, arch="x86_64"), "a.qcow2")
    names.remember(ImageSpec("router", TWO, arch="x86_64"), "b.qcow2")
    names.forget(ONE)
    assert entries.entry("router").digests == {"x86_64": TWO}


def test_a_name_has_an_image_for_each_architecture():
    names.remember(ImageSpec("router", ONE, arch="x86_64"), "a.qcow2")
    names.remember(ImageSpec("router", TWO, arch="aarch64"), "b.qcow2")
    assert entries.entry("router").digests == {"x86_64": ONE, "aarch64": TWO}
    names.forget(TWO)
    assert entries.entry("router").digests == {"x86_64": ONE}


@pytest.mark.parametrize("name", ["none", "Golden", "a b", "../a", ""])
def test_what_can_be_no_name_is_refused(name):
    with pytest.raises(UsageError, match="can't be an image's name"):
        names.check(name)


@pytest.mark.parametrize("file", ["router.yaml", "mine.yaml"])
def test_what_the_user_wrote_is_not_written_over(config, file):
    """Another entry in `router.yaml` would be lost; one of that name in a later file would win."""
    text = f"router: {{digests: {{x86_64: 'sha256:{'a' * 64}'}}}}\nother: {{build: debian-12}}\n"
    (config / file).write_text(text)
    with pytest.raises(UsageError, match=file):
        names.check("router")
    names.forget("sha256-" + "a" * 64)
    assert (config / file).read_text() == text


def test_what_was_added_to_an_entry_stays(config):
    path = names.remember(ImageSpec("router", ONE, arch="x86_64"), "a.qcow2")
    document = json.loads(path.read_text())
    document["router"]["memory"] = "256MiB"
    path.write_text(json.dumps(document))
    names.check("router")
    names.remember(ImageSpec("router", TWO, arch="x86_64"), "b.qcow2")
    assert entries.entry("router").memory == 256 << 20


@pytest.mark.parametrize(
    "file", ["b😀.qcow2", "l\udcff.qcow2", "e\x1b[31m.qcow2", "n\x85.qcow2", 'q"\\.qcow2']
)
def test_any_file_name_gives_an_entry_that_reads_back(file):
    names.remember(ImageSpec("router", ONE, arch="x86_64"), file)
    assert entries.entry("router").description.isprintable()


def test_a_folder_that_takes_nothing_is_told(config):
    (config / "router.yaml").mkdir()
    with pytest.raises(LabctlError):
        names.remember(ImageSpec("router", ONE, arch="x86_64"), "a.qcow2")
    assert len(list(config.iterdir())) == 1
