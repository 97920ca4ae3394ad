"""The spec of a folder and its record."""

from labctl.core.address import Address
from labctl.core.record import replace
from labctl.kinds.folder.spec import FolderSpec, read, tag

MOUNTED = FolderSpec("shop", "web", "/srv/app", "/home/me/app", "virtiofs", why="the host can")
COPIED = FolderSpec(
    "shop", "web", "/srv/app", "/home/me/app", "rsync", chown="lab", exclude=("*.o", "a\nb"), content="1f"
)


def test_a_record_is_read_as_it_was_written():
    for spec in (MOUNTED, COPIED):
        assert read("shop", "web", "/srv/app", spec.recorded()) == spec


def test_a_record_that_somebody_edited_is_read_as_another_one():
    assert read("shop", "web", "/srv/app", {"exclude": "["}) == FolderSpec("shop", "web", "/srv/app")
    assert read("shop", "web", "/srv/app", {"exclude": "5"}).exclude == ()


def test_a_mount_lets_its_vm_go_when_it_goes_or_is_copied_from_then_on():
    vm = {Address("vm", "web")}
    assert MOUNTED.lets_go(None) == MOUNTED.lets_go(COPIED) == vm
    assert not MOUNTED.lets_go(MOUNTED)
    assert not COPIED.lets_go(None)


def test_a_tag_fits_virtiofs_and_9p():
    assert len(tag("/srv/" + "a" * 900)) <= 31
    assert tag("/srv/a") != tag("/srv/b")


def test_a_plan_says_how_and_why():
    (how, source) = (part.what for part in MOUNTED.brief())
    assert (how, source) == ("virtiofs (the host can)", "from /home/me/app")


def test_only_a_mount_is_read_only_in_the_guest():
    """What rsync copied is the guest's own."""
    mounted = replace(MOUNTED, type="9p", readonly=True)
    assert "read only" in [part.what for part in mounted.brief()]
    assert "read only" not in [part.what for part in replace(mounted, type="rsync").brief()]
