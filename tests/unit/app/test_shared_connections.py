"""The connections of a lab end with its VMs."""

from functools import partial
from types import SimpleNamespace

import libvirt

from labctl.app import shared_connections
from labctl.core.errors import LabctlError
from labctl.host.access import shared_ssh
from tests.unit.overviews import vm


class Host:
    """One on which two domains run and one is paused."""

    uri = "qemu:///system"

    @property
    def virt(self):
        return self

    def listAllDomains(self, flags):  # noqa: N802
        found = {3: libvirt.VIR_DOMAIN_RUNNING, 5: libvirt.VIR_DOMAIN_PAUSED, 7: libvirt.VIR_DOMAIN_RUNNING}
        wanted = {libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING: {libvirt.VIR_DOMAIN_RUNNING}}[flags]
        return [
            SimpleNamespace(ID=partial(int, number), name=partial("{}.vm{}".format, "shop", number))
            for number, state in found.items()
            if state in wanted
        ]


def test_those_to_vms_that_run_no_more_are_ended(session, monkeypatch):
    told = []
    monkeypatch.setattr(type(session.hosts), "__iter__", lambda _: iter([Host()]))
    monkeypatch.setattr(
        shared_ssh, "end_others", lambda uri, lab, running: told.append((uri, lab, running()))
    )
    monkeypatch.setattr(
        shared_ssh, "end_ways_through", lambda config, running: told.append((config.name, running()))
    )
    shared_connections.end_unused(session)
    assert told == [("qemu:///system", "shop", [3, 7]), ("ssh_config", ["vm3", "vm7"])]


def test_a_runtime_folder_that_can_t_be_used_is_no_reason_to_fail(session, monkeypatch):
    def refused(*_arguments):
        raise LabctlError("it is a link")

    monkeypatch.setattr(type(session.hosts), "__iter__", lambda _: iter([Host()]))
    monkeypatch.setattr(shared_ssh, "end_others", refused)
    shared_connections.end_unused(session)


def test_a_new_start_of_a_vm_has_another_socket(session, monkeypatch):
    monkeypatch.setattr(session.hosts, "of", lambda _address: Host())
    assert shared_connections.control(session, vm("db", id=1)) != shared_connections.control(
        session, vm("db", id=2)
    )
