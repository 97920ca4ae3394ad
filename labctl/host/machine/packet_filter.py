"""The fate of a packet under the rules of a packet filter. This module is pure.

The rules have the form of `nft -j list ruleset` (libnftables-json(5)), into which those of iptables-save are
translated. A condition that this module does not understand may hold or not; if that matters, the fate is unknown.
"""

from __future__ import annotations

import shlex
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Expression = list[dict[str, Any]]
_HOOKS = {"INPUT": "input", "FORWARD": "forward"}


class Fate(StrEnum):
    """Whether a packet passes."""

    PASSES = "passes"
    DROPPED = "dropped"
    UNKNOWN = "unknown"


@record
class Packet:
    """The first packet of a connection. `facts` are its known properties by nft's names: `iifname`, `dport` …"""

    hook: str  # "forward" or "input"
    family: str  # "ip" or "ip6"
    facts: Mapping[str, str | int]


@record
class Chain:
    """A chain of rules. Only a base chain has a `hook`, and a `policy` for packets that no rule decides."""

    family: str
    table: str
    name: str
    rules: tuple[Expression, ...] = ()
    hook: str = ""
    policy: str = ""

    def __str__(self) -> str:
        return f"{self.family} {self.table} {self.name}"


Chains = dict[tuple[str, str, str], Chain]  # by family, table, name


def from_nft(document: Mapping[str, Any]) -> Chains:
    """The chains of `nft -j list ruleset`."""
    objects = [entry for each in document["nftables"] for entry in each.items()]
    rules: dict[tuple[str, str, str], list[Expression]] = {}
    for kind, each in objects:
        if kind == "rule":
            rules.setdefault((each["family"], each["table"], each["chain"]), []).append(each["expr"])
    chains: Chains = {}
    for kind, each in objects:
        if kind == "chain":
            key = each["family"], each["table"], each["name"]
            hook = each.get("hook", "") if each.get("type") == "filter" else ""
            chains[key] = Chain(*key, tuple(rules.get(key, ())), hook, each.get("policy", "accept"))
    return chains


def from_iptables(text: str, family: str, flavour: str = "") -> Chains:
    """The chains of `iptables-save` or `ip6tables-save`; `flavour` is appended to the names of their tables."""
    chains: dict[tuple[str, str, str], tuple[str, str]] = {}
    rules: dict[tuple[str, str, str], list[Expression]] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:] + flavour
        elif line.startswith(":"):
            name, policy, *_ = line[1:].split()
            hook = _HOOKS.get(name, "") if policy != "-" and not table.startswith("nat") else ""
            chains[family, table, name] = hook, policy.lower()
        elif line.startswith("-A "):
            _, name, *words = shlex.split(line)
            rules.setdefault((family, table, name), []).append(list(_iptables_rule(words)))
    return {key: Chain(*key, tuple(rules.get(key, ())), *chain) for key, chain in chains.items()}


_TARGETS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "reject", "RETURN": "return"}
_NO_VERDICT = ("LOG", "NFLOG", "MARK", "CONNMARK", "TCPMSS", "CT", "NOTRACK", "CHECKSUM", "TRACE")
_NO_CONDITION = ("-m", "--comment", "--reject-with", "--log-prefix", "--log-level")


def _iptables_rule(words: Sequence[str]) -> Iterator[dict[str, Any]]:
    for negated, option, value in _options(words):
        op = "!=" if negated else "=="
        if option in ("-i", "-o"):
            yield _match(
                op, {"meta": {"key": "iifname" if option == "-i" else "oifname"}}, value.replace("+", "*")
            )
        elif option == "-p":
            yield _match(op, {"meta": {"key": "l4proto"}}, value)
        elif option == "--dport" and ":" not in value:
            yield _match(op, {"payload": {"field": "dport"}}, int(value) if value.isdigit() else value)
        elif option in ("--ctstate", "--state"):
            yield _match(op, {"ct": {"key": "state"}}, value.lower().split(","))
        elif option in ("-j", "-g"):
            if value not in _NO_VERDICT:
                known = _TARGETS.get(value)
                yield {known: None} if known else {"goto" if option == "-g" else "jump": {"target": value}}
        elif option not in _NO_CONDITION:
            yield {"xt": None}


def _match(op: str, left: dict[str, Any], right: Any) -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


def _options(words: Sequence[str]) -> Iterator[tuple[bool, str, str]]:
    """Each option as: whether it is negated, its name, its first value."""
    for place, word in enumerate(words):
        if word.startswith("-"):
            value = words[place + 1] if place + 1 < len(words) else ""
            yield place > 0 and words[place - 1] == "!", word, value


def fate(
    chains: Chains, packet: Packet, lets_pass: Callable[[Chain], bool] = lambda _: False
) -> tuple[Fate, str]:
    """The fate of a packet, and the chain that decides. It passes if all base chains of its hook let it pass.

    `lets_pass` names chains that will let the packet pass once it comes, whichever rules they have now.
    """
    unknown = ""
    for chain in chains.values():
        if chain.hook == packet.hook and chain.family in ("inet", packet.family):
            found = _Walk(chains, packet, lets_pass).through(chain)
            if found is Fate.DROPPED:
                return found, str(chain)
            if found is Fate.UNKNOWN:
                unknown = unknown or str(chain)
    return (Fate.UNKNOWN, unknown) if unknown else (Fate.PASSES, "")


class _Walk:
    """A packet's way through one base chain and the chains that it jumps to.

    `_possible` has the verdicts of rules whose conditions may hold or not.
    """

    def __init__(self, chains: Chains, packet: Packet, lets_pass: Callable[[Chain], bool]) -> None:
        self._chains, self._packet, self._lets_pass = chains, packet, lets_pass
        self._possible: set[str] = set()

    def through(self, chain: Chain) -> Fate:
        said = self._verdict_of(chain, sure=True)
        verdict = chain.policy if said in ("", "return") else said
        if self._possible - {verdict}:
            return Fate.UNKNOWN
        return Fate.DROPPED if verdict == "drop" else Fate.PASSES

    def _verdict_of(self, chain: Chain, *, sure: bool) -> str:
        """The verdict that the chain gives in any case: accept, drop, return, or empty."""
        if self._lets_pass(chain):
            return self._record("accept", sure=sure)
        for rule in chain.rules:
            if verdict := self._rule(chain, rule, sure=sure):
                return verdict
        return ""

    def _rule(self, chain: Chain, rule: Expression, *, sure: bool) -> str:
        for each in rule:
            ((kind, value),) = each.items()
            if kind in ("match", "limit") or (kind == "xt" and (value or {}).get("type") != "target"):
                holds = _holds(value, self._packet) if kind == "match" else None
                if holds is False:
                    return ""
                sure = sure and holds is True
            elif verdict := self._verdict(chain, kind, value, sure=sure):
                return verdict
        return ""

    def _verdict(self, chain: Chain, kind: str, value: Any, *, sure: bool) -> str:
        if kind == "xt":
            kind = _TARGETS.get(value.get("name"), "")
        if kind in ("jump", "goto"):
            target = self._chains.get((chain.family, chain.table, value["target"]))
            said = self._verdict_of(target, sure=sure) if target else ""
            return "return" if kind == "goto" and sure and not said else said.replace("return", "")
        if kind == "vmap":
            return self._mapped(chain, value, sure=sure)
        if kind == "queue":  # a program on the host decides
            self._possible |= {"accept", "drop"}
        return self._record(kind.replace("reject", "drop"), sure=sure) if kind in _TARGETS.values() else ""

    def _mapped(self, chain: Chain, value: Any, *, sure: bool) -> str:
        """The verdict of a verdict map for the packet's value; empty if the map doesn't have the value."""
        elements = value["data"].get("set", ()) if isinstance(value["data"], dict) else None
        if elements is None:
            self._possible |= {"accept", "drop"}
        for key, verdict in elements or ():
            holds = _holds({"op": "==", "left": value["key"], "right": key}, self._packet)
            ((kind, target),) = verdict.items()
            if holds is not False and (
                said := self._verdict(chain, kind, target, sure=sure and holds is True)
            ):
                return said
        return ""

    def _record(self, verdict: str, *, sure: bool) -> str:
        if not sure:
            # after a return that is only possible, the rules behind it may decide or not
            self._possible |= {"accept", "drop"} if verdict == "return" else {verdict}
        return verdict if sure else ""


def _holds(match: Mapping[str, Any], packet: Packet) -> bool | None:
    """Whether a condition holds for the packet; None if that is not known."""
    fact = _fact(match["left"], packet)
    if fact is None or match["op"] not in ("==", "!=", "in"):
        return None
    found = _among(fact, match["right"])
    return found if found is None or match["op"] != "!=" else not found


def _fact(left: Mapping[str, Any], packet: Packet) -> str | int | None:
    """The packet's property that a condition compares; None if it is not known."""
    ((kind, value),) = left.items()
    protocol = packet.facts.get("l4proto")
    if kind == "payload" and protocol and value.get("protocol") in {"tcp", "udp"} - {protocol}:
        return -1  # differs from every port
    name = {"payload": "field", "meta": "key", "ct": "key"}.get(kind, "")
    fact = value.get(name) if isinstance(value, dict) else None
    known = {"protocol": "l4proto", "nexthdr": "l4proto", "iif": "iifname", "oif": "oifname"}
    if fact == "nfproto":
        return {"ip": "ipv4", "ip6": "ipv6"}[packet.family]
    return packet.facts.get(known.get(str(fact), str(fact)))


def _among(fact: str | int, right: Any) -> bool | None:
    if isinstance(right, dict) and "set" in right:
        right = right["set"]
    if isinstance(right, list):
        answers = [_among(fact, each) for each in right]
        return True if True in answers else None if None in answers else False
    if isinstance(right, dict) and "range" in right and isinstance(fact, int):
        low, high = right["range"]
        return bool(low <= fact <= high)
    if isinstance(right, dict) or str(right).startswith("@"):
        return None
    return fnmatchcase(str(fact), str(right))
