"""What a step copies is what it named when the Labfile was read, whatever is in its place now."""

import asyncio
from types import SimpleNamespace

import pytest

from labctl.core.errors import LabctlError, NotReady
from labctl.host.access import copying
from labctl.kinds.provision import copy, guest_log
from labctl.kinds.provision.job import Job
from tests.unit.labfile.labfiles import vms


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Do the only step of a Labfile in `tmp_path/lab`, read before; gives what the guest would be sent."""
    sent = []

    async def in_each(_job, work):
        await work(SimpleNamespace(vm="web"), None)

    async def put(_way, source, target, **options):
        sent.append((source.read_text() if source.is_file() else None, target, options["origin"].name))

    async def append(*_arguments):
        return None

    monkeypatch.setattr(Job, "in_each", in_each)
    monkeypatch.setattr(copying, "put", put)
    monkeypatch.setattr(guest_log, "append", append)
    (tmp_path / "lab").mkdir()

    def read(source, others=""):
        step = f"{{copy: {{source: {source}, target: /x}}}}{others}"
        text = f"vms: {{web: {{image: debian-12, provision: [{step}]}}}}\n"
        work = vms(tmp_path / "lab", text)["web"].provision[0].work
        spec = SimpleNamespace(
            work=work, user="root", given_name="", summary="", vm="web", address="provision/web/1"
        )
        job = Job(spec, (), None, None, None)
        return lambda: asyncio.run(copy.run(job)) or sent

    return read


def test_a_file_is_sent_under_its_name_and_a_link_as_what_it_leads_to(tmp_path, copied):
    (tmp_path / "lab/page").write_text("hello")
    (tmp_path / "lab/link").symlink_to("page")
    assert copied("link")() == [("hello", "/x", "link")]


def test_a_link_that_a_guest_put_in_its_place_is_not_followed(tmp_path, copied):
    (tmp_path / "key").write_text("secret")
    page = tmp_path / "lab/page"
    page.write_text("hello")
    run = copied("page")
    page.unlink()
    page.symlink_to(tmp_path / "key")
    with pytest.raises(LabctlError, match="leads to another place than when it was looked at"):
        run()


def test_a_way_out_that_a_fetched_link_opened_is_not_gone(tmp_path, copied):
    """`out/k` came with the repository and leads out; a step fetches `out/l`, a link to it."""
    (tmp_path / "ssh").mkdir()
    (tmp_path / "ssh/id_rsa").write_text("secret")
    (tmp_path / "lab/out").mkdir()
    (tmp_path / "lab/out/k").symlink_to("../../ssh")
    run = copied("out/l/id_rsa", ", {fetch: {source: /y, target: out}}")
    with pytest.raises(NotReady, match="there is no"):
        run()
    (tmp_path / "lab/out/l").symlink_to("k")
    with pytest.raises(LabctlError, match="leads to another place than when it was looked at"):
        run()
