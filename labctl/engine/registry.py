"""All kinds, in the order in which their objects are created. A test compares the list with the folders of kinds/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.kinds.disk.kind import DISK
from labctl.kinds.folder.kind import FOLDER
from labctl.kinds.forward.kind import FORWARD
from labctl.kinds.image.kind import IMAGE
from labctl.kinds.network.kind import NETWORK
from labctl.kinds.pool.kind import POOL
from labctl.kinds.provision.kind import PROVISION
from labctl.kinds.seed.kind import SEED
from labctl.kinds.snapshot.kind import SNAPSHOT
from labctl.kinds.vm.kind import VM
from labctl.kinds.warm.kind import WARM

if TYPE_CHECKING:
    from labctl.kinds import Kind

KINDS: tuple[Kind[Any], ...] = (
    POOL,
    IMAGE,
    WARM,
    NETWORK,
    SEED,
    DISK,
    VM,
    FOLDER,
    PROVISION,
    FORWARD,
    SNAPSHOT,
)
