"""What a step fetches lands where its target was when the Labfile was read."""

import asyncio
from types import SimpleNamespace

import pytest

from labctl.core.errors import LabctlError
from labctl.host.access import copying
from labctl.kinds.provision import fetch, guest_log
from labctl.kinds.provision.job import Job
from tests.unit.labfile.labfiles import vms


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    async def in_each(_job, work):
        await work(None, None)

    async def get(_way, _source, target, **_options):
        (target / "got" if target.is_dir() else target).write_text("of a guest")
        return ()

    async def append(*_arguments):
        return None

    monkeypatch.setattr(Job, "in_each", in_each)
    monkeypatch.setattr(copying, "get", get)
    monkeypatch.setattr(guest_log, "append", append)
    (tmp_path / "lab").mkdir()

    def read(target):
        step = f"{{fetch: {{source: /y, target: {target}}}}}"
        text = f"vms: {{web: {{image: debian-12, provision: [{step}]}}}}\n"
        work = vms(tmp_path / "lab", text)["web"].provision[0].work
        job = Job(SimpleNamespace(work=work, user="root"), (), None, None, None)
        return lambda: asyncio.run(fetch.run(job))

    return read


def test_it_lands_in_a_new_folder_or_in_one_that_is_there(tmp_path, fetched):
    fetched("new/deep/k")()
    assert (tmp_path / "lab/new/deep/k").read_text() == "of a guest"
    fetched("new/deep")()
    assert (tmp_path / "lab/new/deep/got").exists()


@pytest.mark.parametrize("target", ["shared/k", "shared", "shared/new/k"])
def test_a_folder_that_a_guest_replaced_by_a_link_gets_nothing(tmp_path, fetched, target):
    (tmp_path / "lab/shared").mkdir()
    run = fetched(target)
    (tmp_path / "lab/shared").rmdir()
    (tmp_path / "lab/shared").symlink_to(tmp_path)
    with pytest.raises(LabctlError, match="leads to another place than when it was looked at"):
        run()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["lab"]
