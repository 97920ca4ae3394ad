"""The leak oracle: what a host looks like, and what differs afterwards.

A snapshot is a flat map from a readable name of a fact (`network/front`, `file/tmp/x`, `route/…`) to its content, so
that a difference is one line and new kinds of facts need no new comparison.
"""

import hashlib
import json
import re
import stat
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import libvirt

Snapshot = dict[str, str]

FOLDERS = ("/var/lib/libvirt", "/run/libvirt", "/etc/libvirt", "/var/log/libvirt", "/tmp")
IGNORED = (
    # Images are kept on purpose: they are content-addressed, shared by all labs, and `destroy` must not cost the next
    # `up` a download. Their pool and its folder stay for the same reason. Warm states are their lab's.
    r"(pool|volume)/labctl-images(/(?!_warm\.).*)?",
    r"file/var/lib/libvirt/images/labctl-images(/(?!_warm\.).*)?",
    r"file/etc/libvirt/storage/(autostart/)?labctl-images\.xml",
    r"file/run/libvirt/storage/(autostart/)?labctl-images\.xml",
    # What the daemons make on first use and never take away. Logs say what was, they are no leaks.
    r"file/etc/libvirt/(storage|qemu|secrets|nwfilter)(/(networks|autostart|channel))*",
    r"file/var/log/libvirt/.*",
    r"file/run/libvirt/network/[^/]+(\.pid|/ports)?",  # libvirt forgets these two itself
    r"file/run/libvirt/[a-z]+/driver\.pid",  # a restarted libvirtd's own
    r"file/run/libvirt/(common|lockd|virtlogd.*|qemu/(passt|slirp|dbus|swtpm))",
    r"file/var/lib/libvirt/qemu/(channel/target|nvram|snapshot|checkpoint|save|dump|ram|autostart)",
    r"file/tmp/(pytest-of|labctl-tests)-[^/]*(/.*)?",
    # libvirt's own tables, chains and the jumps into them come with the first network and stay after the last.
    r"nft/(table|chain|libvirt-jump) .*",
)
PROCESSES_IGNORED = re.compile(
    r"^(ps|dmidecode|qemu-system-\S+ -S -no-user-config -nodefaults -nographic -machine none)"
)


def snapshot(connection: libvirt.virConnect, folders: Iterable[Path] = ()) -> Snapshot:
    """Everything that a lab could leave behind; `folders` are looked at besides libvirt's own and /tmp."""
    facts: Snapshot = {}
    facts.update(libvirt_objects(connection))
    for folder in (*map(Path, FOLDERS), *folders):
        facts.update(files(folder))
    facts.update(links_addresses_routes())
    facts.update(nft_rules())
    facts.update(processes())
    return facts


def diff(before: Snapshot, after: Snapshot, ignored: Iterable[str] = IGNORED) -> list[str]:
    """One line per fact that came, went or changed; empty when nothing was left behind."""
    pattern = re.compile("|".join(f"(?:{each})" for each in ignored) or "(?!)")
    names = sorted(name for name in before.keys() | after.keys() if not pattern.fullmatch(name))
    return [line for name in names if (line := _difference(name, before.get(name), after.get(name)))]


def _difference(name: str, before: str | None, after: str | None) -> str | None:
    if before == after:
        return None
    if before is None:
        return f"+ {name}: {_short(after)}"
    if after is None:
        return f"- {name}: {_short(before)}"
    return f"~ {name}: {_short(before)} -> {_short(after)}"


def _short(text: str | None) -> str:
    line = " ".join((text or "").split())
    return line if len(line) <= 200 else f"{line[:197]}..."


# --- libvirt -----------------------------------------------------------------------------------------------------


def libvirt_objects(connection: libvirt.virConnect) -> Snapshot:
    facts = {}
    for domain in connection.listAllDomains():
        facts[f"domain/{domain.name()}"] = f"active={domain.isActive()} {_inactive_xml(domain)}"
        for taken in domain.listAllSnapshots():
            facts[f"snapshot/{domain.name()}/{taken.getName()}"] = taken.getXMLDesc()
    for network in connection.listAllNetworks():
        facts[f"network/{network.name()}"] = f"active={network.isActive()} {_stable(network.XMLDesc(0))}"
    for pool in connection.listAllStoragePools():
        facts[f"pool/{pool.name()}"] = f"active={pool.isActive()}"  # its sizes move with the disk's
        facts.update(volumes(pool))
    return facts


def volumes(pool: libvirt.virStoragePool) -> Iterator[tuple[str, str]]:
    if not pool.isActive():
        return
    pool.refresh()  # a file put there behind libvirt's back counts too
    for volume in pool.listAllVolumes():
        yield f"volume/{pool.name()}/{volume.name()}", f"{volume.path()} capacity={volume.info()[1]}"


def _inactive_xml(domain: libvirt.virDomain) -> str:
    return domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)


def _stable(xml: str) -> str:
    """Without `connections`, the number of guests that happen to be on a network."""
    root = ElementTree.fromstring(xml)
    root.attrib.pop("connections", None)
    return ElementTree.tostring(root, encoding="unicode")


# --- files -------------------------------------------------------------------------------------------------------


def files(folder: Path) -> Snapshot:
    """Kind, mode and, for small regular files, a digest of every path below the folder."""
    facts = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        try:
            facts[f"file{path}"] = _file_fact(path)
        except FileNotFoundError:
            continue  # temporary, gone meanwhile
    return facts


def _file_fact(path: Path) -> str:
    status = path.lstat()
    fact = stat.filemode(status.st_mode)
    if path.is_symlink():
        return f"{fact} -> {path.readlink()}"
    if stat.S_ISREG(status.st_mode):
        small = status.st_size < 1 << 20
        return f"{fact} {status.st_size} bytes {hashlib.sha256(path.read_bytes()).hexdigest()[:12] if small else ''}"
    return fact


# --- network -----------------------------------------------------------------------------------------------------


def links_addresses_routes() -> Snapshot:
    facts = {}
    for link in _json("ip", "-j", "addr"):
        name = link["ifname"]
        facts[f"link/{name}"] = (
            f"{link.get('link_type')} mtu {link.get('mtu')} master {link.get('master', '-')}"
        )
        for address in link["addr_info"]:
            if address:
                facts[f"address/{name}/{address['local']}/{address['prefixlen']}"] = address["scope"]
    for family in ("-4", "-6"):
        for route in _json("ip", "-j", family, "route", "show", "table", "all"):
            facts[f"route/{route['dst']} dev {route.get('dev', '-')} table {route.get('table', 'main')}"] = (
                str({key: route.get(key) for key in ("gateway", "prefsrc", "metric")})
            )
    return facts


def nft_rules() -> Snapshot:
    """Tables, chains and rules, without handles and counters; a rule that stands twice counts twice."""
    facts: Snapshot = {}
    for entry in _json("nft", "-j", "list", "ruleset").get("nftables", []):
        ((kind, body),) = entry.items()
        if kind == "metainfo":
            continue
        place = " ".join(str(body[key]) for key in ("family", "table", "chain", "name") if key in body)
        text = json.dumps(_without_counters(body), sort_keys=True)
        if kind == "rule" and '"jump": {"target": "LIBVIRT_' in text:
            kind = "libvirt-jump"
        if kind != "table":
            place = f"{place} {hashlib.sha256(text.encode()).hexdigest()[:8]}"
            while f"nft/{kind} {place}" in facts:
                place += " again"
        facts[f"nft/{kind} {place}"] = text
    return facts


def _without_counters(value):
    if isinstance(value, dict):
        return {
            key: _without_counters(each)
            for key, each in value.items()
            if key not in {"handle", "counter", "packets", "bytes"}
        }
    return [_without_counters(each) for each in value] if isinstance(value, list) else value


def _json(*command: str):
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output or "[]")


# --- processes ---------------------------------------------------------------------------------------------------


def processes() -> Snapshot:
    """All but kernel threads, those that look on, and the PIDs, which change: how many run the same command."""
    output = subprocess.run(
        ["ps", "-ww", "-eo", "ppid=,args="], check=True, capture_output=True, text=True
    ).stdout
    facts: dict[str, int] = {}
    for line in output.splitlines():
        parent, command = line.split(None, 1)
        if parent == "2" or PROCESSES_IGNORED.match(command):
            continue
        name = f"process/{command}"
        facts[name] = facts.get(name, 0) + 1
    return {name: f"{number} running" for name, number in facts.items()}


# --- what belongs to someone else --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Foreign:
    """A domain, a network and a volume that labctl did not make, and how they looked when planted."""

    connection: libvirt.virConnect
    pool_folder: Path
    facts: Snapshot

    def changes(self) -> list[str]:
        """What is no longer byte-identical."""
        return diff(self.facts, _foreign_facts(self.connection, self.pool_folder), ignored=())

    def remove(self) -> None:
        self.connection.lookupByName("foreign").undefine()
        network = self.connection.networkLookupByName("foreign")
        network.destroy()
        network.undefine()
        pool = self.connection.storagePoolLookupByName("foreign")
        pool.storageVolLookupByName("foreign.raw").delete()
        pool.destroy()
        pool.delete()
        pool.undefine()


def plant_foreign(
    connection: libvirt.virConnect, pool_folder: Path = Path("/var/lib/libvirt/foreign")
) -> Foreign:
    """Define someone else's domain (off), network (active) and pool with a volume, all named `foreign`."""
    network = connection.networkDefineXML(
        "<network><name>foreign</name><bridge name='virbr-foreign'/><ip address='10.254.254.1' prefix='24'/></network>"
    )
    network.create()
    pool = connection.storagePoolDefineXML(
        f"<pool type='dir'><name>foreign</name><target><path>{pool_folder}</path></target></pool>"
    )
    pool.build()
    pool.create()
    pool.createXML("<volume><name>foreign.raw</name><capacity>65536</capacity></volume>")
    connection.defineXML(
        "<domain type='qemu'><name>foreign</name><memory unit='MiB'>32</memory><os><type arch='x86_64'>hvm</type></os>"
        "<devices><interface type='network'><source network='foreign'/></interface></devices></domain>"
    )
    return Foreign(connection, pool_folder, _foreign_facts(connection, pool_folder))


def _foreign_facts(connection: libvirt.virConnect, pool_folder: Path) -> Snapshot:
    ours = re.compile(r"(domain|snapshot|network|pool|volume)/foreign(/.*)?")
    facts = {name: fact for name, fact in libvirt_objects(connection).items() if ours.fullmatch(name)}
    return {
        **facts,
        **files(pool_folder),
        **{k: v for k, v in links_addresses_routes().items() if "virbr-foreign" in k},
    }
