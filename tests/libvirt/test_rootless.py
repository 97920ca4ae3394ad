"""What `labctl rootless stop` does inside; libvirt's test driver stands for QEMU's."""

from types import SimpleNamespace

import libvirt
import pytest

import labctl.cli
from labctl.app import rootless
from labctl.core.errors import LabctlError, UsageError
from labctl.host.host import Host
from labctl.host.libvirt.uri import SYSTEM

WEB = "<domain type='test'><name>web</name><memory>1024</memory><os><type>hvm</type></os></domain>"


@pytest.fixture
def system(monkeypatch):
    """The system's libvirt is that of the test driver, and the environment names another one."""
    opened = libvirt.open

    def only_the_systems(uri):
        assert uri == SYSTEM
        return opened("test:///default")

    monkeypatch.setattr(libvirt, "open", only_the_systems)
    for each in ("LABCTL_CONNECT", "LIBVIRT_DEFAULT_URI"):
        monkeypatch.setenv(each, "qemu+ssh://lab/system")


@pytest.fixture
def web(monkeypatch, system):
    """One of two domains that run; the other one ends when it is asked to."""
    shutdown = libvirt.virDomain.shutdown

    def asked(domain):
        if domain.name() == "test":
            domain.destroy()
        return shutdown(domain)

    monkeypatch.setattr(libvirt.virDomain, "shutdown", asked)
    with Host(SYSTEM) as host:
        yield host.virt.createXML(WEB)


@pytest.fixture
def stop(monkeypatch):
    """A stop of a libvirt of one's own, in this process; gives those whose power was cut."""
    ended = []
    monkeypatch.setattr(rootless.joining, "called_inside", lambda _init, function, _within_s: function())
    monkeypatch.setattr(rootless.world, "end", ended.append)
    holder = rootless.world.Holder("keeper", "init")

    def stopped(*vms):
        cut = rootless.stop(rootless.Running(holder, vms, used=False))
        assert ended == [holder]
        return cut

    return stopped


def gone(domain):
    with pytest.raises(libvirt.libvirtError):
        domain.isActive()
    return True


def test_one_that_has_ended_meanwhile_does_not_keep_the_others_from_shutting_down(web, stop):
    assert stop("test", "web") == []
    assert gone(web)


def test_one_that_began_after_the_look_is_shut_down_too(web, stop):
    assert stop() == []
    assert gone(web)


@pytest.mark.usefixtures("web")
def test_what_runs_is_asked_of_the_users_own_libvirt_whatever_the_environment_names(monkeypatch, tmp_path):
    monkeypatch.setenv("LABCTL_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(rootless.world, "running", lambda: rootless.world.Holder("keeper", "init"))
    monkeypatch.setattr(rootless.joining, "called_inside", lambda _init, function, _within_s: function())
    assert rootless.running().vms == ("test", "web")


def test_one_that_is_suspended_goes_on_and_shuts_down(web, stop, monkeypatch):
    states = []
    shutdown = libvirt.virDomain.shutdown

    def asked(domain):
        states.append(domain.state()[0])
        return shutdown(domain)

    monkeypatch.setattr(libvirt.virDomain, "shutdown", asked)
    web.suspend()
    assert stop("test", "web") == []
    assert set(states) == {libvirt.VIR_DOMAIN_RUNNING}
    assert gone(web)


def test_one_that_boots_is_asked_again_and_one_that_hears_nothing_is_cut_off(web, stop, monkeypatch):
    monkeypatch.setattr(rootless, "AGAIN_S", 0.2)
    monkeypatch.setattr(rootless, "SHUTDOWN_S", 1.5)
    shutdown, asked = libvirt.virDomain.shutdown, []

    def heard(domain):
        asked.append(domain.name())
        if domain.name() == "web" and asked.count("web") == 3:
            shutdown(domain)

    monkeypatch.setattr(libvirt.virDomain, "shutdown", heard)
    assert stop("test", "web") == ["test"]
    assert asked.count("web") == 3
    assert gone(web)


def test_one_that_another_stop_ends_meanwhile_has_ended(monkeypatch):
    holder, ended = rootless.world.Holder("keeper", "init"), []
    monkeypatch.setattr(rootless.world, "running", lambda: holder)
    monkeypatch.setattr(rootless.world, "ends", lambda _holder: True)
    monkeypatch.setattr(rootless.world, "end", ended.append)
    monkeypatch.setattr(rootless.joining, "called_inside", ends_meanwhile)
    assert rootless.running() is None
    assert rootless.stop(rootless.Running(holder, ("web",), used=False)) == []
    assert ended == [holder]


def test_one_that_does_not_answer_is_an_error(monkeypatch):
    monkeypatch.setattr(rootless.world, "running", lambda: rootless.world.Holder("keeper", "init"))
    monkeypatch.setattr(rootless.world, "ends", lambda _holder: False)
    monkeypatch.setattr(rootless.joining, "called_inside", ends_meanwhile)
    with pytest.raises(LabctlError, match="ended meanwhile"):
        rootless.running()


def ends_meanwhile(_init, _function, _within_s):
    raise LabctlError("your rootless libvirt ended meanwhile")


@pytest.fixture
def hanging(monkeypatch, tmp_path):
    """A libvirt that does not answer; gives what is called inside, and what is ended."""
    told, holder = [], rootless.world.Holder("keeper", "init")

    def hangs(_init, function, within_s):
        told.append(function.__name__)
        raise rootless.joining.Hangs(f"it does not answer within {within_s} seconds")

    monkeypatch.setenv("LABCTL_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(rootless.world, "running", lambda: holder)
    monkeypatch.setattr(rootless.world, "end", told.append)
    monkeypatch.setattr(rootless.joining, "called_inside", hangs)
    return SimpleNamespace(told=told, holder=holder)


def test_one_that_hangs_is_asked_about_and_not_ended_without_a_yes(hanging):
    asked = "^libvirt does not answer, so VMs can't be shut down, and their power is cut;"
    with pytest.raises(UsageError, match=asked):
        labctl.cli.run(["rootless", "stop"])
    assert hanging.told == ["_active"]


@pytest.mark.parametrize("answers_the_look", [False, True])
def test_one_that_hangs_is_ended_with_a_yes_and_what_that_cuts_is_said(
    hanging, capsys, monkeypatch, answers_the_look
):
    if answers_the_look:
        found = rootless.Running(hanging.holder, ("web",), used=False)
        monkeypatch.setattr(rootless, "running", lambda: found)
    assert labctl.cli.run(["rootless", "stop", "--yes"]) == 0
    assert hanging.told == ["_shut_down" if answers_the_look else "_active", hanging.holder]
    said = capsys.readouterr().err
    assert "libvirt did not answer, so the power of the VMs that still ran was cut" in said
