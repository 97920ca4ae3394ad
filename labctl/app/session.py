"""What every use case starts from: the Labfile, the hosts, the lab's keys."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.core.errors import LabctlError, Problem, Rejected, UsageError
from labctl.core.record import field, record
from labctl.core.redaction import Redactor
from labctl.core.stop import Stop
from labctl.labfile.absolute_path import absolute_path
from labctl.labfile.load import Loaded, load
from labctl.labfile.model import LabModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from labctl.core.host_reach import HostReach
    from labctl.core.verbs import Driver
    from labctl.host.access.keys import Keys
    from labctl.host.files.lab_folder import LabFolder
    from labctl.host.host import Host
    from labctl.host.hosts import Hosts
    from labctl.kinds import Kind
    from labctl.labfile.lockfile import Lock

    Trust = bool | Callable[[Sequence[HostReach]], bool]


@record(frozen=False)
class Session:
    """The global options, and what follows from them, each worked out when first asked for."""

    hosts: Hosts  # the libvirt hosts of the lab
    source: str = "Labfile.yaml"
    sets: Mapping[str, str] = field(default_factory=dict)
    params: Sequence[str] = ()  # files
    adopt: bool = False
    overcommit: bool = False  # more memory than the host has left is no obstacle
    warm: bool | None = None  # whether the lab may begin with its warm state; None: as the Labfile says
    locked: bool = False  # images are those of Labfile.lock, or it is an error
    labfile_optional: bool = (
        False  # what exists is enough: a Labfile that became wrong or went must not hold up `destroy`
    )
    trust: Trust = False  # the user's yes to what the lab reaches of the host, or who is asked for it
    granted: set[str] = field(default_factory=set)  # the ids of the reaches that were said yes to in this run
    absent: UsageError | None = None  # what to say of a Labfile that is not there
    stop: Stop = field(default_factory=Stop)  # by which the run is asked to end
    redactor: Redactor = field(default_factory=Redactor)  # which learns the Labfile's secrets
    files: set[Path] = field(
        default_factory=set
    )  # that the lab is made from, known once it was loaded, or was wrong

    @cached_property
    def loaded(self) -> Loaded:
        try:
            return self._load()
        except (Rejected, UsageError):
            standing = self._from_libvirt() if self.labfile_optional else None
            if standing is None:
                raise
            return standing

    def _load(self) -> Loaded:
        if self.absent:
            raise self.absent
        files = [Path(each) for each in self.params]
        return load(
            self.source,
            sets=self.sets,
            params_files=files,
            environ=os.environ,
            redactor=self.redactor,
            files=self.files,
        )

    def _from_libvirt(self) -> Loaded | None:
        """The lab that was made from this Labfile, as far as libvirt knows it: its name."""
        from labctl.engine import overview

        path = Path(absolute_path(self.source))
        try:
            seen = overview.look(self.hosts)
        except LabctlError:
            return None  # the Labfile comes first
        labs = {vm.lab for vm in seen.vms if vm.file == str(path)}
        labs |= {network.lab for network in seen.networks if network.file == str(path)}
        if len(labs) != 1:
            return None
        summary = "is not there" if self.absent else "has problems"
        problem = Problem(
            f"the Labfile {summary}; what exists is known from libvirt",
            hint="" if self.absent else "see `labctl validate`",
            severity="warning",
        )
        return Loaded(LabModel(labs.pop(), path, path.parent), (problem,))

    @property
    def lab(self) -> LabModel:
        return self.loaded.lab

    @cached_property
    def kinds(self) -> tuple[Kind[Any], ...]:
        """The kinds of objects that labs are made of."""
        from labctl.engine.registry import KINDS

        return KINDS

    def driver(self, kind: str, host: Host) -> Driver[Any]:
        """A driver of a kind for a host, for one run."""
        return next(each for each in self.kinds if each.name == kind).driver(host, self.keys)

    @cached_property
    def folder(self) -> LabFolder:
        """The lab's local files."""
        from labctl.host.files.lab_folder import LabFolder

        return LabFolder(self.lab.folder, self.lab.name)

    @cached_property
    def keys(self) -> Keys:
        from labctl.host.access.keys import Keys

        return Keys(self.folder)

    @cached_property
    def lock(self) -> Lock:
        """What Labfile.lock pins.

        Raises:
            LabctlError: it can't be read.
        """
        from labctl.labfile import lockfile

        return lockfile.read_lock(self.lock_path)

    @property
    def lock_path(self) -> Path:
        from labctl.labfile import lockfile

        return lockfile.lock_path(self.lab.path)

    @cached_property
    def secret(self) -> bytes:
        """The key of digests. A new lab's is kept when its plan runs: the digests in that plan were made with it."""
        return self.keys.secret() or os.urandom(32)

    def take_secret(self, secret: bytes) -> None:
        """Go on with the key of digests of a lab that was saved: its guests know digests made with it."""
        self.__dict__["secret"] = secret  # as the property keeps it

    def locked_lab(self) -> AbstractContextManager[None]:
        """Keep every other labctl from changing the lab while the block runs.

        Raises:
            LabHeld: another one changes it now.
        """
        from labctl.host.machine.lock import lab_lock_name

        return self.hosts.lock(lab_lock_name(self.lab.name))
