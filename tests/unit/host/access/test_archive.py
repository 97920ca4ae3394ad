"""Archives as tar writes them are read, and what only somebody hostile writes is refused."""

import io
import stat
import tarfile

import pytest

from labctl.core.errors import LabctlError
from labctl.host.access import archive

LONG = "/".join(["folder" * 5] * 20)


def packed(*infos: tarfile.TarInfo, format: int = tarfile.GNU_FORMAT) -> io.BytesIO:  # noqa: A002
    """An archive by the standard library; each file has its size in zeros."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format) as tar:
        for info in infos:
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    return file


def member(name: str, kind: bytes = tarfile.REGTYPE, **values: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in values.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_tar_writes_is_read(format):  # noqa: A002
    file = packed(
        member(".", tarfile.DIRTYPE, mode=0o751),
        member(f"./{LONG}/file", size=700, mode=0o4640),
        member("./link", tarfile.SYMTYPE, linkname=LONG),
        member("./twin", tarfile.LNKTYPE, linkname=f"./{LONG}/file"),
        member("./tty", tarfile.CHRTYPE),
        member("./caf\udce9"),
        format=format,
    )
    parts = (*LONG.split("/"), "file")
    assert list(archive.members(file)) == [
        archive.Member((), stat.S_IFDIR, 0o751, 0),
        archive.Member(parts, stat.S_IFREG, 0o640, 700),
        archive.Member(("link",), stat.S_IFLNK, 0o644, 0, LONG),
        archive.Member(("twin",), stat.S_IFREG, 0o644, 0, f"./{LONG}/file", hard=True),
        archive.Member(("tty",), 0, 0o644, 0),
        archive.Member(("caf\udce9",), stat.S_IFREG, 0o644, 0),
    ]


@pytest.mark.parametrize(
    ("infos", "why"),
    [
        ([member("/etc/passwd")], "/etc/passwd leads out of the folder"),
        ([member("a/../../b")], "a/../../b leads out of the folder"),
        ([member("..", tarfile.DIRTYPE)], "leads out"),
        ([member("../\x1b[2J")], r"\.\./\\x1b"),
        ([member("/".join(["d"] * 200), tarfile.DIRTYPE)], "too long"),
        ([member("x" * 256)], "too long"),
        ([member("x" * 70_000)], "too long"),
        ([member(".")], "has no name"),
        ([member("a", tarfile.GNUTYPE_SPARSE)], "sparse"),
    ],
)
def test_what_no_honest_tar_writes_is_refused(infos, why):
    with pytest.raises(LabctlError, match=why):
        list(archive.members(packed(*infos)))


@pytest.mark.parametrize(
    "headers",
    [
        {"size": "-1"},
        {"size": "9" * 30},
        {"size": "\u0661"},
        {"GNU.sparse.realsize": "1000000000000"},
        {"path": "../x"},
        {"path": "x" * 70_000},
    ],
)
def test_a_wrong_pax_header_is_refused(headers):
    with pytest.raises(LabctlError, match="labctl does not unpack what the guest sent"):
        list(archive.members(packed(member("a", pax_headers=headers), format=tarfile.PAX_FORMAT)))


@pytest.mark.parametrize("data", [b"99999 a=b\n", b"x", b"3\n", b"0 a\n", b"99999999999 a=b\n", b"1 a=b\n"])
def test_a_record_of_a_wrong_length_is_refused(data):
    info = member("x", tarfile.XHDTYPE, size=len(data))
    file = io.BytesIO(info.tobuf() + data + bytes(512))
    with pytest.raises(LabctlError, match="a header is wrong"):
        list(archive.members(file))


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 512, bytes(511)])
def test_what_is_no_archive_is_refused(data):
    with pytest.raises(LabctlError, match="labctl does not unpack what the guest sent"):
        list(archive.members(io.BytesIO(data)))


def test_headers_that_lengthen_names_count_too(monkeypatch):
    monkeypatch.setattr(archive, "MEMBERS", 2)
    odd = member("x", tarfile.XHDTYPE, size=1024)
    with pytest.raises(LabctlError, match="a header is wrong"):
        list(archive.members(packed(odd)))
    pax = b"20 key=aaaaaaaaaaaa\n".ljust(20)
    blocks = (
        member("x", tarfile.XHDTYPE, size=len(pax)).tobuf(tarfile.USTAR_FORMAT) + pax.ljust(512, b"\0")
    ) * 3
    with pytest.raises(LabctlError, match="more than 2 headers"):
        list(archive.members(io.BytesIO(blocks)))


def test_the_number_of_files_is_bounded(monkeypatch):
    monkeypatch.setattr(archive, "MEMBERS", 2)
    with pytest.raises(LabctlError, match="more than 2 headers"):
        list(archive.members(packed(*(member(str(each)) for each in range(3)))))


def test_a_folder_is_written_and_read_again(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("text")
    (tmp_path / "link").symlink_to("a")
    source = archive.scan(tmp_path)
    assert source.size == 4
    file = io.BytesIO(b"".join(archive.written(source)))
    names = [each.name for each in archive.members(file)]
    assert names == ["a", "link", "a/b", "a/b/file"]


@pytest.mark.parametrize("swapped", ["folder/in/file", "folder/in"])
def test_a_link_that_appears_while_a_folder_is_sent_is_not_followed(tmp_path, swapped):
    """As by a guest that may write there."""
    for name in ("folder/in", "secret/in"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_text(name)
    pieces = archive.written(archive.scan(tmp_path / "folder"))
    headers = [next(pieces), next(pieces)]
    assert b"in/file" in headers[1]
    (tmp_path / swapped).rename(tmp_path / "gone")
    (tmp_path / swapped).symlink_to(tmp_path / swapped.replace("folder", "secret"))
    with pytest.raises(LabctlError, match="another place than when it was looked at"):
        b"".join(pieces)


def test_a_file_that_shrinks_meanwhile_is_an_error(tmp_path):
    (tmp_path / "file").write_text("text")
    with (tmp_path / "file").open("rb") as file, pytest.raises(LabctlError, match="became shorter"):
        list(archive.content(file, 5, tmp_path / "file"))
