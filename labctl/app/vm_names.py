"""The names of VMs that people give: which VMs they mean, and what is said of those that mean none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.errors import UsageError
from labctl.labfile.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence


def choose(wanted: Iterable[str], bases: Mapping[str, str]) -> list[str]:
    """The VMs of these names, all where none is given. `bases` maps each VM to its name as written.

    Raises:
        UsageError: there are no such VMs. Each is told with the nearest.
    """
    names = list(wanted)
    refuse(unknown("VM", names, {*bases, *bases.values()}))
    if not names:
        return list(bases)
    return list(dict.fromkeys(vm for name in names for vm, base in bases.items() if name in (vm, base)))


def unknown(what: str, names: Iterable[str], known: Collection[str]) -> list[tuple[str, str]]:
    """What is said of those names that are not known, each with its hint."""
    otherwise = "" if known else f"there is no {what} yet"
    return [
        (f"no {what} is called {name}", did_you_mean(name, known, otherwise))
        for name in dict.fromkeys(names)
        if name not in known
    ]


def refuse(wrong: Sequence[tuple[str, str]]) -> None:
    """Refuse what `unknown` found, all of it at once.

    Raises:
        UsageError: it found something.
    """
    if len(wrong) == 1:
        ((summary, hint),) = wrong
        raise UsageError(summary, hint=hint)
    if wrong:
        raise UsageError("\n".join(f"{summary} ({hint})" if hint else summary for summary, hint in wrong))
