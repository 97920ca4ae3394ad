"""Addresses as text, and in their order."""

from labctl.core.address import Address, address_sort_key, natural_sort_key


def test_names_sort_as_people_count():
    assert sorted(["web-10", "web-2", "db"], key=natural_sort_key) == ["db", "web-2", "web-10"]


def test_addresses_read_back():
    assert Address.parse("disk/web-1/data") == Address("disk", "web-1/data")


def test_addresses_come_as_addresses_and_names_naturally():
    assert sorted(["10.0.0.10", "10.0.0.2", "9.0.0.1"], key=address_sort_key) == [
        "9.0.0.1",
        "10.0.0.2",
        "10.0.0.10",
    ]
    assert sorted(["fd00::10", "fd00::9", "fd00::a"], key=address_sort_key) == [
        "fd00::9",
        "fd00::a",
        "fd00::10",
    ]
    assert sorted(["web-10", "web-2", "db"], key=address_sort_key) == ["db", "web-2", "web-10"]
    assert min(["52:54:00:00:00:0a", "52:54:00:00:00:09"], key=address_sort_key).endswith("09")
