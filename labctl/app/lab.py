"""The library's face: a lab that is planned, made, changed, looked at and taken away by calls."""

# long because it is the face of the library: each call of a lab is a method here
from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from labctl.app import labfile_path
from labctl.app.lab_snapshots import Snapshots
from labctl.app.session import Session
from labctl.core.errors import RunFailed, UsageError
from labctl.core.events import Ending, StepFailed
from labctl.core.record import replace
from labctl.core.redaction import Redactor
from labctl.core.stream import EventStream
from labctl.host.host import Host
from labctl.host.hosts import Hosts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Self

    from labctl.app.change import Confirm
    from labctl.app.prepare import Prepared
    from labctl.app.session import Trust
    from labctl.app.status import Status
    from labctl.app.validate import Verdict
    from labctl.core.events import Finished, Sink
    from labctl.core.plan import Plan

    UseCase = Callable[[Session, Iterable[str], Sink, Confirm], Finished]

T = TypeVar("T")
UNSUCCESSFUL = (Ending.FAILED, Ending.UNREADY, Ending.INTERRUPTED)


class Lab:
    """A lab: what a Labfile says, and what exists of it on libvirt.

        with Lab("Labfile.yaml") as lab:
            print(lab.plan())
            lab.up()

    Each call reads the Labfile and looks at libvirt anew. The calls block. They may be made from any thread, and from
    a coroutine by `asyncio.to_thread`. Nothing is printed and no signal is handled: who wants to see what happens
    gives a sink to `subscribe`, who wants to end a run calls `stop`.

    Everywhere `vms` narrows a call to these VMs and what they need. A name as written in the Labfile stands for all
    its instances; no name means the whole lab.

    All calls raise `LabctlError`: `Rejected` where the Labfile is wrong, `LabHeld` where somebody else is changing
    the lab, `UsageError` where there is no such VM or Labfile, `Untrusted` where nobody said yes to what the lab
    reaches of the host. The values of secret parameters are masked in all that a call gives, tells and raises.
    """

    def __init__(  # noqa: PLR0913  # the options, by keyword
        self,
        labfile: str | os.PathLike[str] | None = None,
        *,
        connect: str | None = None,
        sets: Mapping[str, str] | None = None,
        params: Sequence[str | os.PathLike[str]] = (),
        adopt: bool = False,
        locked: bool = False,
        overcommit: bool = False,
        trust: Trust = False,
    ) -> None:
        """Nothing is read and nobody is asked yet.

        Args:
            labfile: its path, or its folder; None looks for `Labfile.yaml` in this folder and those above.
            connect: libvirt's URI; None takes the environment's, else the one of this machine.
            sets: values of parameters by name.
            params: YAML files with values of parameters.
            adopt: take over a lab of the same name that another Labfile made.
            locked: only images that Labfile.lock pins.
            overcommit: start VMs whatever memory the host has left.
            trust: whether the lab may reach the host beyond its own folder, as `plan().reaches` lists it; or a function
                that is given what the user did not say yes to before, and says whether it may. A yes is remembered.
        """
        asked = None if labfile is None else os.fspath(labfile)
        self._absent: UsageError | None = None
        try:
            self._source = labfile_path.find(asked)
        except UsageError as error:  # what exists of the lab is enough for some calls
            self._source, self._absent = labfile_path.in_folder(asked or "."), error
        self._hosts, self._sets = Hosts(Host(connect)), dict(sets or {})
        self._params = [os.fspath(each) for each in params]
        self._adopt, self._locked, self._overcommit, self._trust = adopt, locked, overcommit, trust
        self._stream = EventStream()
        self._redactor = Redactor()
        self._running: list[Session] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection to libvirt. A later call opens it again."""
        self._hosts.close()

    @property
    def labfile(self) -> str:
        """The path of the Labfile, as it was given or found."""
        return self._source

    def subscribe(self, sink: Sink) -> None:
        """Have the sink called with each event of this and later runs; first with those of the latest run so far.

        Events come from several threads, one at a time. A sink that raises an error gets no more of them; the call
        that made the events raises the error once its run has ended.
        """
        self._stream.join(sink)

    def unsubscribe(self, sink: Sink) -> None:
        """Have the sink called no more."""
        self._stream.leave(sink)

    def stop(self) -> bool:
        """Ask what runs now to end: after the calls in flight, and when asked again, at once.

        Gives whether something is being changed just now. A run that is still planning ends before its first change.
        May be called from any thread and from the handler of a signal.
        """
        heard = [session.stop.ask() for session in tuple(self._running)]
        return any(heard)

    def validate(self) -> Verdict:
        """Check the Labfile, without a look at libvirt."""
        from labctl.app.validate import validate

        with self._redactor.in_errors():
            return validate(self.session())

    def plan(self, vms: Iterable[str] = ()) -> Plan:
        """What `up` would do."""
        return self.prepare(vms).plan

    def prepare(self, vms: Iterable[str] = ()) -> Prepared:
        """As `plan`, with warnings and with the obstacles for which `up` would be refused."""
        from labctl.app.plan import plan

        with self._redactor.in_errors():
            made = plan(self.session(), vms)
        shown = self.masked({name: getattr(made, name) for name in ("plan", "warnings", "obstacles")})
        return replace(made, **shown)

    def status(self, vms: Iterable[str] = (), *, drift: bool = False) -> Status:
        """How the lab is; with `drift` also in which fields it differs from the Labfile, which costs a plan."""
        from labctl.app.status import status

        with self._redactor.in_errors():
            return self.masked(status(self.session(), vms, drift=drift))

    def wait(self, goals: Iterable[str] = (), *, timeout: float = 300.0) -> None:
        """Wait until VMs have reached a stage, and change nothing: somebody else's `up` makes them.

        `goals` are names of VMs, also as `web:booted`; alone a name means `ready`, and no name all VMs that are to run.
        Each is told as a `VmStage` when it is reached. `timeout` is in seconds.

        Raises:
            NotReady: the time is up; the error says of each VM how far it is.
        """
        from labctl.app.wait import wait

        with self._redactor.in_errors():
            wait(self.session(), goals, timeout, self._redactor.sink(self._stream))
        self._stream.raise_broken()

    def graph(self, format: str = "text") -> str | bytes:  # noqa: A002  # as the option is called
        """The lab's networks and VMs, drawn: text for `text`, `dot`, `mermaid`, bytes of a picture for `svg`, `png`."""
        from labctl.app import graph

        with self._redactor.in_errors():
            return graph.made(self.masked(graph.look(self.session())), graph.format_of(format))

    def up(
        self, vms: Iterable[str] = (), *, warm: bool | None = None, confirm: Confirm | None = None
    ) -> Finished:
        """Make the lab what the Labfile says.

        Args:
            vms: see the class.
            warm: whether the lab may begin with its warm state, and is saved; None means as the Labfile says.
            confirm: is given the plan, and says whether to go on; without it nobody is asked, whatever is destroyed.

        Returns:
            The run's last event.

        Raises:
            RunFailed: a step failed, a VM did not become ready, or the run was asked to end.
            Refused: something stands against the plan; nothing was changed.
        """
        from labctl.app import change

        return self._run(change.up, self.session(warm=warm), vms, confirm)

    def reload(self, vms: Iterable[str] = (), *, confirm: Confirm | None = None) -> Finished:
        """As `up`, and restart VMs in any case."""
        from labctl.app import change

        return self._run(change.reload, self.session(), vms, confirm)

    def provision(
        self,
        vms: Iterable[str] = (),
        *,
        only: str = "",
        again: bool = False,
        confirm: Confirm | None = None,
    ) -> Finished:
        """Run provisioning steps that `up` would run: those of VMs that run, and nothing else.

        With `only` it is the steps of this name, with `again` also those that are done.
        """
        from labctl.app.provisioning import provision

        use_case = partial(provision, only=only, again=again)
        return self._run(use_case, self.session(), vms, confirm)

    def sync(self, vms: Iterable[str] = ()) -> Finished:
        """Copy what changed in folders with `type: rsync`; nothing else is changed, and nobody is asked."""
        from labctl.app import folders

        def use_case(session: Session, vms: Iterable[str], sink: Sink, _confirm: Confirm) -> Finished:
            return folders.sync(session, tuple(vms), sink)

        return self._run(use_case, self.session(), vms, None)

    def halt(self, vms: Iterable[str] = (), *, confirm: Confirm | None = None) -> Finished:
        """Shut VMs down. Everything stays defined. For arguments, results and errors see `up`, here and below."""
        from labctl.app import change

        return self._change(change.halt, vms, confirm)

    def suspend(
        self, vms: Iterable[str] = (), *, disk: bool = False, confirm: Confirm | None = None
    ) -> Finished:
        """Pause VMs in the host's memory; with `disk` on its disk, where they outlast a reboot of the host."""
        from labctl.app import change

        return self._change(partial(change.suspend, disk=disk), vms, confirm)

    def resume(self, vms: Iterable[str] = (), *, confirm: Confirm | None = None) -> Finished:
        """Let paused and saved VMs go on, with the right time of day."""
        from labctl.app import change

        return self._change(change.resume, vms, confirm)

    def destroy(
        self, vms: Iterable[str] = (), *, warm: bool = False, confirm: Confirm | None = None
    ) -> Finished:
        """Remove the lab, or some of its VMs, with their disks; with `warm` also what was saved of it for `up`."""
        from labctl.app import change

        return self._change(partial(change.destroy, warm=warm), vms, confirm)

    @property
    def snapshots(self) -> Snapshots:
        """The lab's snapshots, to list, show, save, restore, delete and prune them."""
        return Snapshots(self.session, self._redactor, self._run)

    def session(self, *, labfile_optional: bool = False, warm: bool | None = None) -> Session:
        """What a call starts from; with `labfile_optional` what exists is enough where the Labfile is wrong or gone."""
        return Session(
            hosts=self._hosts,  # one connection for all calls
            source=self._source,
            sets=self._sets,
            params=self._params,
            adopt=self._adopt,
            overcommit=self._overcommit,
            locked=self._locked,
            trust=self._trust,
            warm=warm,
            labfile_optional=labfile_optional,
            absent=self._absent,
            redactor=self._redactor,
        )

    def masked(self, value: T) -> T:
        """The same value, with those of secret parameters masked, as far as calls have read them."""
        return self._redactor.in_value(value)

    def _change(self, use_case: UseCase, vms: Iterable[str], confirm: Confirm | None) -> Finished:
        """Run what needs no more than what exists."""
        return self._run(use_case, self.session(labfile_optional=True), vms, confirm)

    def _run(
        self, use_case: UseCase, session: Session, vms: Iterable[str], confirm: Confirm | None
    ) -> Finished:
        def agreed(plan: Plan) -> bool:
            return confirm is None or confirm(self.masked(plan))

        self._running.append(session)
        try:
            with self._redactor.in_errors():
                _ = session.lab  # a wrong Labfile is told before libvirt is looked for
                finished = use_case(session, vms, self._redactor.sink(self._stream), agreed)
        finally:
            self._running.remove(session)
        self._stream.raise_broken()
        if finished.ending in UNSUCCESSFUL:
            raise RunFailed(finished, [each for each in self._stream.so_far if isinstance(each, StepFailed)])
        return finished
