"""From a Labfile and a look at libvirt to a plan that can be run: the reading half of every use case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from labctl.app import elsewhere, folders, held_disks, preflight, remembered, trust
from labctl.app import warm as warm_states
from labctl.app.warm import Warmth
from labctl.core import identity
from labctl.core.address import Address
from labctl.core.planning import plan
from labctl.core.record import field, record, replace
from labctl.engine import edits, provision
from labctl.engine.allocate import allocate_with_references
from labctl.engine.allocation import Allocation
from labctl.engine.compose import Site, compose, named
from labctl.engine.guests import secret_name
from labctl.engine.heard import heard
from labctl.engine.host_reaches import host_reaches
from labctl.engine.observe import Observed, merge, observe, onward
from labctl.engine.pinning import Pinning
from labctl.engine.sources import Sources, resolve_images
from labctl.host.files import played_folder
from labctl.host.files.content import content_digest
from labctl.host.libvirt.connection import translated
from labctl.kinds import addresses
from labctl.kinds.image.spec import POOL as STORE

if TYPE_CHECKING:
    from labctl.app.session import Session
    from labctl.core.errors import Problem
    from labctl.core.host_reach import HostReach
    from labctl.core.plan import Plan
    from labctl.core.spec import Spec
    from labctl.engine.folders import Sharing
    from labctl.host.host import Host
    from labctl.labfile.model import LabModel

TB_CACHE_SINCE = 8_000_000  # libvirt 8.0.0

Specs = Mapping[Address, "Spec"]
DesiredState = Callable[[dict[Address, "Spec"], dict[Address, "Spec"]], dict[Address, "Spec"]]


@record
class Prepared:
    """A plan, and what it was made from.

    `obstacles` are reasons why it can't be run as things are. Who only looks at the plan is told of them too.
    """

    plan: Plan
    observed: Observed
    allocation: Allocation
    sources: Sources
    warnings: tuple[Problem, ...]
    obstacles: tuple[Problem, ...]
    warm: Warmth = Warmth()


def prepare(
    session: Session,
    desired: DesiredState,
    *,
    include_labfile: bool = True,
    restart: frozenset[Address] = frozenset(),
    warm: bool = False,
) -> Prepared:
    """Read the Labfile and libvirt and plan.

    Args:
        session: the global options.
        desired: makes what is to be out of what the Labfile wants and what exists (`desired_state`).
        include_labfile: False where `desired` needs only what exists. Then no image and no subnet is looked for.
        restart: VMs to restart in any case.
        warm: whether `desired` is the whole lab, so that it may begin with its warm state.

    Raises:
        Rejected: the Labfile does not fit this host, with every reason.
        LabctlError: someone else has what the lab needs, or libvirt does not answer.
    """
    with translated(session.hosts.uri):
        return _prepare(session, desired, restart, include_labfile=include_labfile, warm=warm)


def _prepare(
    session: Session,
    desired: DesiredState,
    restart: frozenset[Address],
    *,
    include_labfile: bool,
    warm: bool,
) -> Prepared:
    hosts = session.hosts
    observed = observe(hosts, session.lab.name, session.kinds, named(session.lab))
    states = _States(observed, {}, merge(observed, {}))
    if include_labfile:
        states = _with_labfile(session, heard(hosts, observed), warm=warm)
    made = plan(
        held_disks.with_held_disks(desired(dict(states.wanted), dict(states.existing)), states.existing),
        states.existing,
        applied=observed.applied,
        restart=restart,
        lab=session.lab.name,
        connection=hosts.place,
    )
    made = replace(made, reaches=trust.marked(session, states.reaches))
    preflight.refuse(
        [each for host in hosts for each in folders.problems(session, made, states.sharing.get(host))]
    )
    found = preflight.check(session, made, states.observed, states.allocation, states.sources)
    if found.errors:
        preflight.refuse((*found.errors, *found.obstacles))
    booting = warm_states.booting(session, made, states.existing, states.warmth)
    return Prepared(
        made,
        states.observed,
        states.allocation,
        states.sources,
        (*session.loaded.warnings, *states.notes, *booting, *found.warnings),
        found.obstacles,
        states.warmth,
    )


@record
class _States:
    """What is wanted and what exists, and what both were made from."""

    observed: Observed
    wanted: Specs
    existing: Specs
    allocation: Allocation = field(default_factory=Allocation)
    sources: Sources = field(default_factory=Sources)
    reaches: tuple[HostReach, ...] = ()
    sharing: Mapping[Host, Sharing | None] = field(default_factory=dict)
    notes: tuple[Problem, ...] = ()
    warmth: Warmth = Warmth()


def _with_labfile(session: Session, observed: Observed, *, warm: bool) -> _States:
    """The states where the Labfile says what is wanted."""
    hosts = session.hosts
    taken = preflight.occupied(hosts, observed)
    loaded, allocation = allocate_with_references(session.loaded, observed.specs, taken)
    preflight.refuse(allocation.problems)  # the strings may refer to addresses that it could not give
    lab = loaded.lab
    sources = _sources(session, lab, observed)
    sharing = {host: folders.look(lab, host) for host in hosts}
    sites = _sites(session, observed, sources, sharing)
    warmth = warm_states.look(session, lab, allocation, sites, observed) if warm else Warmth()
    if warmth.state:
        session.take_secret(bytes.fromhex(warmth.state.secret))
    wanted = onward(observed, compose(lab, allocation, sites))
    saved = remembered.look(wanted, observed.specs, warmth.state)
    existing = _existing(session, observed, wanted, sources)
    existing |= remembered.done(wanted, existing, saved)
    wanted = _with_playbooks(session, keep(wanted, existing, session.secret))
    astray = folders.led_elsewhere(session, wanted, existing)
    preflight.refuse([*edits.check_xml_edits(lab, wanted.values()), *astray])
    reaches = host_reaches(lab, sources, allocation, wanted.values())
    wanted = {address: edits.with_xml_edits(spec) for address, spec in wanted.items()}
    wanted = remembered.completed(warm_states.begun(wanted, warmth), observed.specs, saved)
    wanted = remembered.noted(wanted, saved)
    made_elsewhere = None if observed.specs else elsewhere.told(session)
    notes = (*sources.notes, *warmth.notes, *filter(None, [made_elsewhere]))
    return _States(observed, wanted, existing, allocation, sources, reaches, sharing, notes, warmth)


def _with_playbooks(session: Session, wanted: dict[Address, Spec]) -> dict[Address, Spec]:
    if not provision.playbooks(session.lab):
        return wanted
    from labctl.app import playbooks  # most labs have none

    return playbooks.with_access(session, wanted)


def _existing(session: Session, observed: Observed, wanted: Specs, sources: Sources) -> dict[Address, Spec]:
    """What exists of the lab, of the images, and of what was done in guests."""
    existing = _with_keys(session, merge(observed, wanted)) | _stored(sources)
    return existing | provision.done(wanted.values(), existing)


def _sources(session: Session, lab: LabModel, observed: Observed) -> Sources:
    in_use = frozenset(spec.base_image for spec in observed.specs.values() if spec.base_image)
    pinning = Pinning(session.lock, session.locked, in_use)
    return resolve_images(session.hosts, lab, pinning)


def _sites(
    session: Session, observed: Observed, sources: Sources, sharing: Mapping[Host, Sharing | None]
) -> Callable[[Address], Site]:
    """A function that gives the site of an object, with the key of digests that the session has by then."""
    hosts = session.hosts
    sites = {host: replace(_site(session, host, observed, sources), sharing=sharing[host]) for host in hosts}
    return lambda address: replace(sites[hosts.of(address)], secret=session.secret)


def _site(session: Session, host: Host, observed: Observed, sources: Sources) -> Site:
    not_played = provision.not_played(session.lab)
    able, root, lab = host.capabilities, host.pool_root, session.lab.name
    folder = observed.folder if session.hosts.of(addresses.pool(lab)) is host else None
    return Site(
        arch=able.arch,
        kvm=able.kvm,
        types=able.types,
        pool=folder or f"{root}/{identity.pool_name(lab)}",
        store=observed.stores.get(host) or f"{root}/{STORE}",
        images=sources.images,
        blobs=sources.blobs,
        copies={path: content_digest(path) for path in provision.copied_files(session.lab)},
        plays={
            each.folder: played_folder.digest(each.folder, not_played)
            for each in provision.playbooks(session.lab)
        },
        tb_cache=host.virt.getLibVersion() >= TB_CACHE_SINCE,
    )


def _with_keys(session: Session, specs: dict[Address, Spec]) -> dict[Address, Spec]:
    """What exists, and whether this Labfile's folder has the keys to log in to it."""
    keys, own, known = session.keys, str(session.lab.path), session.keys.known()

    def fits(vm: str, file: str, mark: str) -> bool:
        return file == own and vm in known and (not mark or mark == keys.mark(vm))

    return {address: spec.with_keys(fits, specs) for address, spec in specs.items()}


def _stored(sources: Sources) -> dict[Address, Spec]:
    """The images that their pools have, sound or not, under the names that this lab gives them."""
    return {spec.address: spec for spec in sources.present}


def keep(specs: Specs, existing: Specs, secret: bytes) -> dict[Address, Spec]:
    """What is wanted, with what was chosen once, which stays: disks' targets, digests made with a key that was lost."""
    own = secret_name(secret)

    def comparable(digest: str) -> bool:
        return digest.partition(":")[0] == own

    return {address: spec.with_choices(existing, comparable) for address, spec in specs.items()}
