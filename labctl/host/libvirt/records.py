"""Writes what kinds other than VMs keep in the metadata of domains; `core.records` says what it looks like."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import records
from labctl.core.identity import records_namespace

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_ELEMENT = libvirt.VIR_DOMAIN_METADATA_ELEMENT
_CONFIG, _LIVE = libvirt.VIR_DOMAIN_AFFECT_CONFIG, libvirt.VIR_DOMAIN_AFFECT_LIVE
_WRITING = threading.Lock()  # a run changes several objects of one domain at once, from several threads


def write(domain: Any, kind: str, key: str, record: Mapping[str, str] | None) -> None:
    """Add or replace the record of one object; None removes it. A running domain and its definition get the same.

    Raises:
        libvirtError: the domain is gone, or libvirt does not take the text.
    """
    with _WRITING:
        found = _existing(domain, kind)
        found.pop(key, None)
        if record is not None:
            found[key] = dict(record)
        _write(domain, kind, found)


def forget(domain: Any, kind: str, keys: Collection[str]) -> None:
    """Remove the records of several objects, of those that there are. Errors are those of `write`."""
    with _WRITING:
        found = _existing(domain, kind)
        if found.keys() & set(keys):
            _write(domain, kind, {key: record for key, record in found.items() if key not in keys})


def _write(domain: Any, kind: str, found: Mapping[str, Mapping[str, str]]) -> None:
    flags = (_CONFIG if domain.isPersistent() else 0) | (_LIVE if domain.isActive() else 0)
    text = records.render(found) if found else None
    domain.setMetadata(_ELEMENT, text, f"labctl-{kind}", records_namespace(kind), flags)


def _existing(domain: Any, kind: str) -> records.Records:
    flag = _CONFIG if domain.isPersistent() else _LIVE
    try:
        text = domain.metadata(_ELEMENT, records_namespace(kind), flag)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN_METADATA:
            raise
        return {}
    return records.read(ET.fromstring(text))
