"""Every owned field of every kind, as people see it come, change, be set for the first time and no longer be set."""

import re
from ipaddress import IPv4Address

import pytest

from labctl.core.diff import created, deleted, diff
from labctl.core.record import replace
from labctl.core.spec import owned_by
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.image.spec import ImageSpec
from labctl.kinds.network.spec import DhcpHost, DnsHost, NetworkSpec
from labctl.kinds.pool.spec import PoolSpec
from labctl.kinds.seed.spec import SeedSpec
from labctl.kinds.vm.disks_and_nics import DiskUse, NicUse
from labctl.kinds.vm.spec import VmSpec

NIC = NicUse("front", "52:54:00:00:00:01", "shop.front", "front")
DISK = DiskUse("data", "/pool/web.data", "web/data")
KINDS = (
    PoolSpec("shop", "/pool"),
    ImageSpec("debian-12", "sha256-0"),
    NetworkSpec("shop", "front"),
    DhcpHost(IPv4Address("10.0.0.2"), "web"),
    DnsHost(IPv4Address("10.0.0.2"), ("web",)),
    SeedSpec("shop", "web"),
    DiskSpec("shop", "web/data"),
    VmSpec("shop", "web"),
    NIC,
    DISK,
)
# What a field is set to where its kind's own value tells of no type.
SET = {
    "dhcp_hosts": (DhcpHost(IPv4Address("10.0.0.2"), "web"),),
    "dns_hosts": (DnsHost(IPv4Address("10.0.0.2"), ("web",)),),
    "disks": (DISK,),
    "nics": (NIC,),
    "xml": (("./devices", "add", "<watchdog\n  model='i6300esb'/>"),),
    "size": 5 << 30,
    "cloud_init": "key:0123456789abcdef",
    "hosts": "0123456789abcdef",
    "tb_cache": 64 << 20,
    "ready": True,
    "keyed": True,
}
FIELDS = [(spec, each) for spec in KINDS for each in owned_by(type(spec)).fields]
IDS = [f"{type(spec).__name__}.{each.name}" for spec, each in FIELDS]
# What no plan may say to people: Python's words, and numbers and blanks that stand for something else.
ODD = re.compile(r"None|True|False|\(\)|\('|\[|: $|: 0\b|→ 0\b|: →|→ $|\(none\)|[0-9a-f]{16}")


def set_to(spec, each):
    """A value that says something."""
    if each.name in SET:
        return SET[each.name]
    now = getattr(spec, each.name)
    if isinstance(now, bool):
        return not now
    return now + 1024 if isinstance(now, int) else ("some",) if isinstance(now, tuple) else "some"


def unset(each):
    """The value that says nothing; a field without one is always set."""
    return each.default if each.default in (None, "", (), 0) and each.default is not False else MISSING


MISSING = object()


@pytest.mark.parametrize(("spec", "each"), FIELDS, ids=IDS)
def test_a_field_that_changes_is_told_in_words(spec, each):
    one = replace(spec, **{each.name: set_to(spec, each)})
    other = replace(spec, **{each.name: unset(each)}) if unset(each) is not MISSING else spec
    told = [*diff(other, one), *diff(one, other)]
    assert told or (other == spec and getattr(one, each.name) is None)
    for change in told:
        assert not ODD.search(str(change)), str(change)
        assert change.before != change.after


@pytest.mark.parametrize(("spec", "each"), FIELDS, ids=IDS)
def test_a_field_of_what_comes_or_goes_is_told_in_words(spec, each):
    value = set_to(spec, each)
    one = replace(spec, **{each.name: value})
    holds = bool(each.metadata["condition"]) and isinstance(value, bool)
    for changes, sign in ((created(one), "+"), (deleted(one), "-")):
        told = {change.field.split(".")[0] for change in changes}
        assert (each.name in told) is not holds, (
            "whether a condition holds says nothing of what comes or goes"
        )
        for change in changes:
            assert change.sign == sign
            assert not ODD.search(str(change)), str(change)


@pytest.mark.parametrize(("spec", "each"), FIELDS, ids=IDS)
def test_what_says_nothing_has_no_field(spec, each):
    if unset(each) is MISSING:
        pytest.skip("it is always set")
    names = [change.field for change in created(replace(spec, **{each.name: unset(each)}))]
    assert each.name not in names


@pytest.mark.parametrize(
    ("spec", "name", "value", "told"),
    [
        (KINDS[2], "mtu", 9000, "~ mtu: libvirt's own → 9000"),
        (KINDS[2], "vlan", 5, "~ vlan: none → 5"),
        (KINDS[2], "inbound", 10240, "~ inbound: no limit → 10MiB/s"),
        (KINDS[2], "host4", "10.0.0.1/24", "~ host4: none → 10.0.0.1/24"),
        (KINDS[2], "dhcp_range", "10.0.0.9-10.0.0.20", "~ dhcp_range: none → 10.0.0.9-10.0.0.20"),
        (KINDS[2], "forwarders", ("9.9.9.9",), "~ forwarders: the host's → 9.9.9.9"),
        (KINDS[2], "xml", SET["xml"], "~ xml: none → add at ./devices <watchdog model='i6300esb'/>"),
        (KINDS[7], "xml", (("./a/@b", "remove", ""),), "~ xml: none → remove at ./a/@b"),
        (KINDS[7], "machine", "q35", "~ machine: libvirt's own → q35"),
        (KINDS[7], "hosts", "0123456789abcdef", "~ hosts: none → set"),
        (KINDS[5], "cloud_init", "key:0", "~ cloud_init: none → set"),
        (NIC, "mtu", 1400, "~ mtu: its network's → 1400"),
        (NIC, "boot", 1, "~ boot: not in the order → 1"),
        (DISK, "cache", "none", "~ cache: libvirt's own → none"),
    ],
)
def test_what_nothing_means(spec, name, value, told):
    assert [str(each) for each in diff(spec, replace(spec, **{name: value}))] == [told]


def test_a_secret_is_never_told():
    one, other = (SeedSpec("shop", "web", f"key:{n}") for n in "12")
    (change,) = diff(one, other)
    assert (str(change), change.before, change.after) == ("~ cloud_init: changed", "(secret)", "(changed)")
    assert [each.after for each in created(one)] == ["(secret)"]
