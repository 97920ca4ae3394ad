"""What a seed says, whatever the user's cloud-config says."""

import email
import subprocess

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from labctl import resources
from labctl.core.unquoted import Unquoted
from labctl.guest.nic_config import NicConfig
from labctl.kinds.seed.render import HostKey, cloud_config, files, network_config
from labctl.kinds.seed.spec import SeedNic, SeedSpec

LOGIN = "ssh-ed25519 AAAAlogin labctl"
KEY = HostKey(
    "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n", "ssh-ed25519 AAAAhost a"
)


def seed(config=None, **fields):
    return SeedSpec("shop", "a", "k:d", instance="1-2", hostname="a", config=config or {}, **fields)


def parts(spec):
    """The boothook and the cloud-config, as cloud-init takes them out of the message."""
    message = email.message_from_string(files(spec, LOGIN, KEY)["user-data"])
    found = {
        each.get_content_type(): each.get_payload(decode=True).decode() for each in message.get_payload()
    }
    return found["text/cloud-boothook"], yaml.safe_load(found["text/cloud-config"])


configs = st.dictionaries(
    st.sampled_from(["users", "bootcmd", "ssh_keys", "ssh_deletekeys", "disable_root", "groups", "merge_how", "runcmd",
                     "cloud_init_modules", "x"]) | st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(Unquoted("2001-01-01")),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)  # fmt: skip


@given(configs)
def test_no_cloud_config_reaches_labctl_s_own_part(config):
    """The login comes first among users, the host key is labctl's, and the script does not depend on either."""
    hook, merged = parts(seed(config))
    assert hook == parts(seed())[0]
    assert hook.startswith("#cloud-boothook\n#!/bin/sh\n")
    assert merged["users"][0]["name"] == "lab"
    assert merged["users"][0]["ssh_authorized_keys"][0] == LOGIN
    assert merged["ssh_keys"]["ed25519_public"] == KEY.public
    assert ("bootcmd" in merged) == ("bootcmd" in config)


@given(configs)
def test_a_seed_is_ascii(config):
    """cloud-init takes the parts of a message as bytes, and would spoil others."""
    assert files(seed(config), LOGIN, KEY)["user-data"].isascii()


def test_the_boothook_leaves_the_script_what_it_has_to_see_to():
    nic = SeedNic("lan", "52:54:00:00:00:01", NicConfig.parse(["address 10.0.0.2/24"]))
    hook, _ = parts(seed(nics=(nic,)))
    subprocess.run(["sh", "-n"], input=hook, text=True, check=True, timeout=20)
    lines = hook.split("<<'LABCTL-END'\n")[1].partition("LABCTL-END\n")[0].splitlines()
    assert lines[0] == f"login lab yes {LOGIN}"
    assert lines[1].startswith("host-key ")
    assert lines[1].endswith(KEY.public)
    assert lines[2] == "nic 52:54:00:00:00:01 YWRkcmVzcyAxMC4wLjAuMi8yNAo="


def test_the_guest_s_scripts_can_stand_in_a_seed():
    """In ASCII, and without the line that ends a here-document."""
    for name in ("keys", "labctl-guest"):
        text = resources.text(f"templates/guest/{name}.sh")
        assert text.isascii()
        assert text.endswith("\n")
        assert "LABCTL-END" not in text


@pytest.mark.parametrize(
    ("users", "others"),
    [
        (None, []),
        ([{"name": "dana", "sudo": True}, "default"], [{"name": "dana", "sudo": True}, "default"]),
        ({"dana": {"sudo": True}, "default": None}, [{"name": "dana", "sudo": True}, "default"]),
        ("dana, default", ["dana", "default"]),
        ([5, None, {"groups": "x"}], [5, None, {"groups": "x"}]),
        ([{"name": "dana"}, "lab"], [{"name": "dana"}]),
    ],
)
def test_the_users_come_after_the_login(users, others):
    """In each form that cloud-init takes; what it can't take is left for it to say so."""
    made = cloud_config(seed({"users": users}), LOGIN, KEY)["users"]
    assert made[0]["name"] == "lab"
    assert made[1:] == others


def test_what_the_user_writes_of_the_login_counts_and_so_does_the_key():
    mine = {"name": "lab", "uid": 2000, "sudo": None, "ssh_authorized_keys": "ssh-rsa X"}
    spec = seed({"users": ["default", mine]})
    first, second = cloud_config(spec, LOGIN, KEY)["users"]
    assert (first["uid"], first["sudo"], first["ssh_authorized_keys"]) == (2000, None, [LOGIN, "ssh-rsa X"])
    assert second == "default"
    assert f"login lab no {LOGIN}\n" in parts(spec)[0]  # no sudo behind the user's back


def test_other_host_keys_of_the_user_stay():
    keys = cloud_config(seed({"ssh_keys": {"rsa_private": "x", "ed25519_private": "y"}}), LOGIN, KEY)[
        "ssh_keys"
    ]
    assert keys == {"rsa_private": "x", "ed25519_private": KEY.private, "ed25519_public": KEY.public}


@pytest.mark.parametrize(
    ("lines", "dhcp4"),
    [(("dhcp",), True), (("mtu 1400", "dhcp"), True), (("mtu 1400", "dhcp", "route 10.9.0.0/16 10.0.0.9"), True),
     ((), False), (("mtu 1400",), False), (("address 10.0.0.2/24",), False)],
)  # fmt: skip
def test_dhcp_is_on_where_somebody_gives_addresses_whatever_else_is_said(lines, dhcp4):
    config = network_config((SeedNic("n", "52:54:00:00:00:01", NicConfig.parse(lines)),))["ethernets"]["n"]
    assert config["dhcp4"] is dhcp4
    assert config.get("mtu") == (1400 if "mtu 1400" in lines else None)
