"""Publishers' checksum files, as they are."""

import pytest

from labctl.core.errors import LabctlError
from labctl.host.downloads.checksums import Checksum, find

A, B = "a1" * 32, "b2" * 32
LONG, OTHER_LONG = "c3" * 64, "d4" * 64
WHERE = "https://images.example/SHA256SUMS"

FEDORA = f"""-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

# Fedora-Cloud-Base-Generic-41.x86_64.qcow2: 468942848 bytes
SHA256 (Fedora-Cloud-Base-Generic-41.x86_64.qcow2) = {A}
- # dashes are escaped
SHA256 (Fedora-Cloud-Base-UEFI-UKI-41.x86_64.qcow2) = {B}
-----BEGIN PGP SIGNATURE-----

iQIzBAEBCAAdFiEEXfvZ
-----END PGP SIGNATURE-----
"""


def found(text: str, name: str = "disk.img") -> Checksum:
    return find(text, name, WHERE)


@pytest.mark.parametrize(
    "line",
    [
        f"{A}  disk.img",
        f"{A} *disk.img",
        f"{A} disk.img",
        f"{A}\tdisk.img",
        f"{A.upper()}  disk.img",
        f"{A}  ./disk.img",
        f"{A}  images/disk.img",
        f"SHA256 (disk.img) = {A}",
        f"SHA256(disk.img)= {A}",
        f"SHA2-256(disk.img)= {A}",
        f"{A}  disk.img\r",
    ],
)
def test_a_line_of_any_tool_is_understood(line) -> None:
    assert found(f"# a comment\n\n{line}\n{B}  other.img\n") == Checksum("sha256", A)


def test_a_byte_order_mark_is_no_part_of_a_digest() -> None:
    assert found(f"\ufeff{A}  disk.img\r\n").digest == A


def test_the_length_tells_sha512() -> None:
    assert found(f"{LONG}  disk.img\n") == Checksum("sha512", LONG)
    assert found(f"SHA512 (disk.img) = {LONG}\n") == Checksum("sha512", LONG)


@pytest.mark.parametrize("digest", [A, LONG])
def test_a_digest_alone_is_that_of_the_file_beside_it(digest) -> None:
    assert found(f"{digest}\n").digest == digest


@pytest.mark.parametrize(
    "name", ["disk.img.xz", "my-disk.img", "disk", "img", "k.img", "DISK.IMG", "disk.img (2)"]
)
def test_a_name_is_matched_whole(name) -> None:
    with pytest.raises(LabctlError, match="no checksum of"):
        found(f"{A}  disk.img\nSHA256 (disk.img) = {A}\n", name)


def test_names_may_hold_blanks_and_parentheses() -> None:
    assert found(f"{A}  disk (1).img\n", "disk (1).img").digest == A
    assert found(f"SHA256 (disk (1).img) = {A}\n", "disk (1).img").digest == A


def test_fedoras_signed_message_is_read() -> None:
    assert found(FEDORA, "Fedora-Cloud-Base-Generic-41.x86_64.qcow2").digest == A
    assert found(FEDORA, "Fedora-Cloud-Base-UEFI-UKI-41.x86_64.qcow2").digest == B


@pytest.mark.parametrize("added", [f"{B}  added.img\n{{}}", f"{{}}{B}  added.img\n"], ids=["before", "after"])
def test_what_stands_around_a_signed_message_is_not(added) -> None:
    with pytest.raises(LabctlError, match=r"no checksum of added\.img"):
        found(added.format(FEDORA), "added.img")


def test_a_signed_message_that_ends_early_is_refused() -> None:
    with pytest.raises(LabctlError, match="end too early"):
        found(FEDORA.partition("-----BEGIN PGP SIGNATURE")[0], "Fedora-Cloud-Base-Generic-41.x86_64.qcow2")


def test_the_same_digest_twice_is_no_trouble() -> None:
    assert found(f"{A}  disk.img\nSHA256 (disk.img) = {A}\n").digest == A


@pytest.mark.parametrize("second", [f"{B}  disk.img", f"SHA256 (disk.img) = {B}", f"{B}  old/disk.img"])
def test_two_digests_of_one_name_are_an_error_that_shows_both(second) -> None:
    with pytest.raises(LabctlError, match="two sha256") as raised:
        found(f"{A}  disk.img\n{second}\n")
    assert A in str(raised.value)
    assert B in str(raised.value)
    assert raised.value.where == WHERE


def test_also_where_a_stronger_one_is_there_once() -> None:
    with pytest.raises(LabctlError, match="two sha256"):
        found(f"{LONG}  disk.img\n{A}  disk.img\n{B}  disk.img\n")


def test_of_two_kinds_the_stronger_is_taken() -> None:
    assert found(f"{A}  disk.img\n{LONG}  disk.img\n{'e5' * 16}  disk.img\n") == Checksum("sha512", LONG)


@pytest.mark.parametrize(
    "text", [f"{'e5' * 16}  disk.img\n", f"SHA1 (disk.img) = {'e5' * 20}\n", f"{'e5' * 16}\n"]
)
def test_a_weak_digest_is_not_enough(text) -> None:
    with pytest.raises(LabctlError, match=r"only (md5|sha1) of disk\.img") as raised:
        found(text)
    assert raised.value.hint


@pytest.mark.parametrize(
    "line", [f"SHA512 (disk.img) = {A}", f"SHA256 (disk.img) = {A[:-1]}", f"{A}0  disk.img"]
)
def test_a_digest_of_another_length_than_it_says_is_none(line) -> None:
    with pytest.raises(LabctlError, match=r"no checksum of disk\.img"):
        found(f"{line}\n{B}  other.img\n")


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "<html>not found</html>", "\0\1\2", f"{A}\n{B}\n"])
def test_a_text_that_has_none_is_told_so(text) -> None:
    with pytest.raises(LabctlError, match="there are no checksums") as raised:
        found(text)
    assert raised.value.where == WHERE


def test_a_name_that_is_nearly_there_is_offered() -> None:
    with pytest.raises(LabctlError) as raised:
        found(f"{A}  debian-12-generic-amd64.qcow2\n", "debian-12-generic-amd46.qcow2")
    assert raised.value.hint == "there is one of debian-12-generic-amd64.qcow2"


def test_long_lines_take_no_long_time() -> None:
    """A megabyte that nearly matches, in each of the shapes."""
    for line in (
        "a" * (1 << 20),
        f"{A} " + " " * (1 << 20) + "x",
        "SHA256 (" * (1 << 17),
        "SHA256 (x) = " * (1 << 16),
    ):
        with pytest.raises(LabctlError):
            found(line)
