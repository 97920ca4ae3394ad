"""Recognises formats of user-data that are not cloud-config: cloud-init's other formats, and those of other systems."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["detect_by_content", "detect_by_keys"]

# For each format: its first bytes in lower case, its name, and what to write instead. The first match counts.
# https://docs.cloud-init.io/en/latest/explanation/format.html
_STARTS = (
    (b"\x1f\x8b", "this is compressed by gzip", "unpack it: gunzip <{file} >user-data.yaml"),
    (b"bzh", "this is compressed by bzip2", "unpack it: bunzip2 <{file} >user-data.yaml"),
    (b"\xfd7zxz\x00", "this is compressed by xz", "unpack it: unxz <{file} >user-data.yaml"),
    (b"\x28\xb5\x2f\xfd", "this is compressed by zstd", "unpack it: unzstd <{file} >user-data.yaml"),
    (b"i2nsb3vklwnvbmzpz", "this is base64", "decode it: base64 -d <{file} >user-data.yaml"),
    (b"#!", "this is a script", "put its commands under `runcmd:`, or write it by `write_files:` and run it there"),
    (b"#include", "this is a list of URLs to include", "fetch what it names and give that as `file`"),
    (b"#part-handler", "this is a part handler, code for cloud-init itself", "write what it does as cloud-config"),
    (b"## template: jinja", "this is a jinja template",
     "write it as cloud-config in the Labfile, where ${{…}} is filled in"),
    (b"#cloud-boothook", "this is a boothook", "put its commands under `bootcmd:`"),
    (b"#cloud-config-archive", "this is an archive of several parts",
     "write them as one cloud-config, or as a file each in groups and defaults: layers merge"),
    (b"#cloud-config-jsonp", "this is a JSON patch", "write the cloud-config that it makes"),
    (b"#upstart-job", "this is an Upstart job", "write a systemd unit by `write_files:`"),
    (b"content-type:", "this is a MIME message",
     "write its parts as one cloud-config, or as a file each in groups and defaults: layers merge"),
    (b"mime-version:", "this is a MIME message",
     "write its parts as one cloud-config, or as a file each in groups and defaults: layers merge"),
    (b"<", "this is XML", "write it as cloud-config"),
)  # fmt: skip
_OTHER = "write it as cloud-config, or set `cloud_init: false` where the image does not have cloud-init"


def detect_by_content(data: bytes, file: str) -> tuple[str, str] | None:
    """Recognise a format by the first bytes of a file, ignoring case and white space before them, as cloud-init does.

    Gives what the file is, and what to write instead; None where the bytes are of no known format.
    """
    head = data.removeprefix(b"\xef\xbb\xbf")[:4096].lstrip().lower()
    for start, what, instead in _STARTS:
        if head.startswith(start):
            return f"{what}, not cloud-config", instead.format(file=file)
    return None


def detect_by_keys(tree: Mapping[str, object]) -> tuple[str, str] | None:
    """Recognise a format by the keys of a file that was read as YAML; gives the same as `detect_by_content`."""
    if "ignition" in tree:
        return "this is Ignition's configuration, not cloud-config", _OTHER
    if "variant" in tree and "version" in tree:
        return "this is Butane's configuration, not cloud-config", _OTHER
    return None
