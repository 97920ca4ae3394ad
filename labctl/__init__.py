"""labctl makes a lab, several virtual machines and the networks between them, out of one file, on libvirt.

The library, which the command line uses as well:

    from labctl import Lab

    with Lab("Labfile.yaml") as lab:
        print(lab.plan())
        lab.up()

`Lab` is the face: see its docstring. `Plan`, `Status` and `Finished` are what its methods give. A subscribed sink is
called with subclasses of `Event`. All errors are subclasses of `LabctlError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.version import VERSION

if TYPE_CHECKING:
    from labctl.api import *  # noqa: F403

__version__ = VERSION


def __getattr__(name: str) -> object:
    """Import the public names, which are all of classes, when one is first asked for.

    Python asks for modules too, as in `from labctl import resources`, and those have to come without the rest.
    """
    if name[0].isupper():
        from labctl import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
