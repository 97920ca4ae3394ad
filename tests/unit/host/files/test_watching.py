"""Changes of real files, as editors make them."""

import errno
from queue import SimpleQueue

import pytest

from labctl.core.errors import LabctlError
from labctl.host.files.watching import Watcher

ANSWER_S = 10.0


@pytest.fixture
def changes():
    return SimpleQueue()


@pytest.fixture
def watcher(changes):
    with Watcher(changes.put, (".labctl", "Labfile.lock")) as made:
        yield made


@pytest.fixture
def labfile(tmp_path):
    path = tmp_path / "Labfile.yaml"
    path.write_text("one")
    return path


def told(changes, path):
    """Wait until it is told that this path changed."""
    while changes.get(timeout=ANSWER_S) != path:
        continue


def replace(path, text):
    """As vim and most editors do."""
    new = path.with_name(f".{path.name}.swp")
    new.write_text(text)
    new.rename(path)


def nothing_but(changes, path, marker):
    """What was told until now is this path alone: the marker, which is watched too, comes last."""
    marker.write_text("x")
    found = []
    while (each := changes.get(timeout=ANSWER_S)) != marker:
        found.append(each)
    assert set(found) <= {path}
    return found


def test_a_file_that_is_written_replaced_removed_and_made_is_told(watcher, changes, labfile):
    watcher.watch([labfile])
    for change in (
        lambda: labfile.write_text("two"),
        lambda: replace(labfile, "three"),
        labfile.unlink,
        lambda: replace(labfile, "four"),
    ):
        change()
        told(changes, labfile)


def test_reading_it_and_what_is_beside_it_are_not_told(watcher, changes, labfile, tmp_path):
    marker = tmp_path / "marker"
    watcher.watch([labfile, marker])
    labfile.read_text()
    (tmp_path / "Labfile.lock").write_text("pins")
    (tmp_path / ".labctl").mkdir()
    assert nothing_but(changes, labfile, marker) == []


def test_what_is_not_wanted_any_more_is_not_told(watcher, changes, labfile, tmp_path):
    other, marker = tmp_path / "sub" / "script.sh", tmp_path / "marker"
    other.parent.mkdir()
    watcher.watch([labfile, other, marker])
    watcher.watch([labfile, marker])
    other.write_text("x")
    assert nothing_but(changes, labfile, marker) == []


def test_a_folder_that_comes_goes_and_comes_again_is_told(watcher, changes, tmp_path):
    script = tmp_path / "a" / "b" / "script.sh"
    watcher.watch([script])
    for _ in range(2):
        script.parent.mkdir(parents=True)
        told(changes, tmp_path / "a")
        watcher.watch([script])
        script.write_text("x")
        told(changes, script)
        script.unlink()
        script.parent.rmdir()
        script.parent.parent.rmdir()
        told(changes, script.parent)
        watcher.watch([script])


def test_what_a_link_leads_to_is_told_and_the_link(watcher, changes, labfile, tmp_path):
    link = tmp_path / "links" / "Labfile.yaml"
    link.parent.mkdir()
    link.symlink_to(labfile)
    watcher.watch([link])
    labfile.write_text("two")
    told(changes, labfile)
    link.unlink()
    told(changes, link)


def test_all_in_a_folder_is_told_but_for_what_is_ignored(watcher, changes, tmp_path):
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    (tree / ".labctl").mkdir()
    watcher.watch([], [tree])
    (tree / ".labctl" / "ssh_config").write_text("x")
    (tree / "Labfile.lock").write_text("x")
    (tree / "below" / "page").write_text("x")
    assert changes.get(timeout=ANSWER_S) == tree / "below" / "page"


def test_a_folder_among_the_files_counts_as_one_of_them(watcher, changes, tmp_path):
    copied, tree = tmp_path / "copied", tmp_path / "tree"
    for each in (copied, tree):
        each.mkdir()
    watcher.watch([copied], [tree])
    for each, is_file in ((copied / "page", True), (tree / "page", False)):
        each.write_text("x")
        told(changes, each)
        assert watcher.is_of_files(each) == is_file


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE])
def test_too_many_files_are_an_error_that_says_what_helps(watcher, labfile, monkeypatch, number):
    def refuse(*_arguments, **_options):
        raise OSError(number, "inotify watch limit reached")

    monkeypatch.setattr(watcher._observer, "schedule", refuse)  # noqa: SLF001
    with pytest.raises(LabctlError, match="lets no more files be watched") as refused:
        watcher.watch([labfile])
    assert "sysctl fs.inotify" in refused.value.hint


def test_of_a_playbooks_folder_that_is_told_which_is_played(watcher, changes, labfile):
    """Not what steps fetch into it: who runs them again for that does so for ever."""
    folder = labfile.parent
    for name in ("roles/x", ".venv", ".git", "got", "strange"):
        (folder / name).mkdir(parents=True)
    watcher.watch([labfile], played={folder: [labfile, folder / "got"]})
    for name in (".venv/x", ".git/x", "got/x", "roles/__pycache__", ".labctl"):
        (folder / name).write_text("x")
    nothing_but(changes, folder, labfile)
    for name in ("roles/x/main.yml", "strange/new", "note.txt"):
        (folder / name).write_text("x")
        told(changes, folder / name)
        assert watcher.is_of_files(folder / name)
