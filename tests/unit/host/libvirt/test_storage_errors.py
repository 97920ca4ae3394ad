"""libvirt's storage errors in labctl's terms."""

import libvirt
import pytest

from labctl.core.errors import LabctlError
from labctl.host.libvirt.storage_errors import closed_folder, ignoring, translated


def failed(message, code=libvirt.VIR_ERR_INTERNAL_ERROR):
    error = libvirt.libvirtError(message)
    error.err = (code, 0, message, 2, "", None, None, 0, 0)
    return error


def test_an_error_says_what_was_being_done_and_where():
    with pytest.raises(LabctlError) as caught, translated("can't list the volumes", where="labctl-shop"):
        raise failed("it broke")
    assert str(caught.value) == "labctl-shop: can't list the volumes: it broke"


@pytest.fixture
def below(tmp_path):
    """A folder that everybody may enter, from the top: pytest's own are root's."""
    for each in (tmp_path, *tmp_path.parents):
        if each.stat().st_uid == tmp_path.stat().st_uid and not each.stat().st_mode & 0o001:
            each.chmod(each.stat().st_mode | 0o011)
    return tmp_path


def test_a_folder_that_qemus_user_can_not_enter_is_named(below):
    (below / "closed/pool").mkdir(parents=True)
    (below / "closed").chmod(0o700)
    path = below / "closed/pool/disk"
    assert closed_folder(path) == below / "closed"
    with pytest.raises(LabctlError) as caught, translated("can't make it"):
        raise failed(f"cannot open file '{path}': Permission denied")
    assert caught.value.hint == f"others may not enter {below}/closed: chmod o+x {below}/closed"
    (below / "closed").chmod(0o755)
    with pytest.raises(LabctlError) as caught, translated("can't make it"):
        raise failed(f"cannot open file '{path}': Permission denied")
    assert caught.value.hint == f"see who may access {path} with: namei -l {path}"


def test_only_what_was_expected_is_ignored():
    with ignoring("already active", libvirt.VIR_ERR_NO_STORAGE_VOL):
        raise failed("pool is already active")
    with ignoring("", libvirt.VIR_ERR_NO_STORAGE_VOL):
        raise failed("no such volume", libvirt.VIR_ERR_NO_STORAGE_VOL)
    with pytest.raises(libvirt.libvirtError), ignoring("", libvirt.VIR_ERR_NO_STORAGE_VOL):
        raise failed("no such pool", libvirt.VIR_ERR_NO_STORAGE_POOL)
