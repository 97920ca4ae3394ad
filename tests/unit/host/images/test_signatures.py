"""What is refused as no image says what it is, and the command that makes one of it."""

import pytest

from labctl.core.errors import LabctlError
from labctl.host.images import qcow2
from labctl.host.images.signatures import SIGNATURES, refuse_other_formats


@pytest.mark.parametrize(("offset", "magic", "name", "hint"), SIGNATURES)
def test_what_is_packed_names_the_command_that_unpacks_it(offset, magic, name, hint):
    start = bytes(offset) + magic
    with pytest.raises(LabctlError) as error:
        refuse_other_formats(start, b"")
    assert error.value.hint == hint
    if "compressed" in name or "archive" in name:
        assert hint.startswith("unpack it first: ")
        assert hint.endswith(" FILE")


def test_xz_is_unpacked_by_xz():
    with pytest.raises(LabctlError) as error:
        refuse_other_formats(b"\xfd7zXZ\0" + bytes(100), b"")
    assert error.value.summary == "compressed by xz, and only raw and qcow2 images are used"
    assert error.value.hint == "unpack it first: xz -dk FILE"


def test_a_hint_names_the_file(tmp_path):
    """With a name that a shell would part, too."""
    file = tmp_path / "my disk.img.gz"
    file.write_bytes(b"\x1f\x8b" + bytes(1022))
    with pytest.raises(LabctlError) as error:
        qcow2.inspect(file)
    assert error.value.hint == f"unpack it first: gunzip -k '{file}'"
