"""How a lab goes back to a snapshot, with no libvirt behind it."""

from threading import Barrier
from types import SimpleNamespace

from labctl.core.lifecycle import State
from labctl.host.libvirt.parallel import CallsInFlight
from labctl.kinds.snapshot import restore
from labctl.kinds.snapshot.spec import SavedVm


def test_the_layers_of_several_vms_are_made_at_a_time(monkeypatch):
    both = Barrier(2, timeout=10)

    def new_layers(_virt, _pool, vm):
        both.wait()
        return {f"/pool/{vm.name}.root": f"/pool/{vm.name}.root._layer-1"}

    monkeypatch.setattr(restore, "_new_layers", new_layers)
    connection = SimpleNamespace(virt=None, in_parallel=CallsInFlight(4).each)
    snapshot = SimpleNamespace(vms=(SavedVm("web", State.RUNNING), SavedVm("db", State.RUNNING)))
    back = restore._prepared(connection, None, snapshot)  # noqa: SLF001
    assert [each.vm.name for each in back] == ["web", "db"]
    assert back[0].onto == {"/pool/web.root": "/pool/web.root._layer-1"}
