"""Commands to the guest's script and messages from it (templates/guest/labctl-guest.sh documents both)."""

from __future__ import annotations

import base64
import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from labctl.core.ip import parse_addresses, reachable
from labctl.core.record import field, record
from labctl.core.text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TypeAlias

    RunEvent: TypeAlias = "Output | StdinWanted | Exit"
    Message: TypeAlias = "GuestState | Reply | RunEvent"

    from labctl.core.ip import IpAddress

PORT = "org.labctl.guest.0"
HELLO = "hello\n"
ROOT = "root"  # as whom commands run unless another user is named
VERSION = 2  # of the guest's script; version 1 did not report its version
RUN_VERSION = 2  # the first version that runs commands
RENEW_S = 60  # for the start of a newer script; an emulated guest under load takes its time
PIECE_BYTES = 393216  # the most bytes of a piece of stdin
COMMAND_BYTES = (
    65536  # the most bytes of a command: Linux takes 128 KiB in one argument, and quoting adds to it
)
# What is kept of a state; the rest of longer lists and texts is left out.
ADDRESSES = 256  # a guest has a few; one that runs containers reports those of their bridges, too
TEXTS, TEXT_CHARS = 20, 500  # cloud-init's errors, and as many warnings
LOG_LINES, LOG_CHARS = 20, 4000
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


@record
class GuestState:
    """The state that a guest reports.

    `stage` is that of cloud-init: init, config, final or done. `errors` and `recoverable` are cloud-init's errors,
    those of its result first, each on one line. `log` is the end of cloud-init's output where there are errors, else
    empty.
    """

    stage: str
    errors: tuple[str, ...] = ()
    recoverable: tuple[str, ...] = ()
    addresses: tuple[tuple[str, IpAddress], ...] = ()  # pairs of a NIC's MAC and one of its addresses
    log: str = ""
    version: int = 1
    boot_id: str = ""  # another one after each boot

    def addresses_of(self, mac: str) -> tuple[IpAddress, ...]:
        return tuple(address for nic, address in self.addresses if nic == mac)

    @property
    def finished(self) -> bool:
        """Whether cloud-init has ended."""
        return self.stage == "done"


@record
class Reply:
    """The result of a command. `name` is the command with its target, as `nic 52:54:00:…`.

    A script of version 1 replies to `check ID` as well.
    """

    name: str
    ok: bool
    detail: str = ""

    @property
    def answers(self) -> str:
        """What has to be asked before this is expected, as `asked` gives it."""
        return self.name


@record
class Output:
    """A piece of the output of a command that runs, never an empty one; `stream` is stdout or stderr."""

    run: str
    stream: str
    data: bytes

    @property
    def answers(self) -> str:
        return f"{self.run} {self.stream}"


@record
class StdinWanted:
    """A command that runs can take another piece of stdin."""

    run: str

    @property
    def answers(self) -> str:
        return f"{self.run} wants"


@record
class Exit:
    """A command ended. All of its output has arrived before. A code above 128 means a signal, as in sh."""

    run: str
    code: int

    @property
    def answers(self) -> str:
        return f"{self.run} exit"


def key_lines(user: str, sudo: str, login: str, private: str, public: str) -> str:
    """The lines that `templates/guest/keys.sh` reads. `sudo` is yes or no; the keys are in OpenSSH's formats."""
    return f"login {user} {sudo} {login}\nhost-key {_word(private.encode())} {public}\n"


def encoded(lines: Sequence[str]) -> str:
    """Encode lines as one word of base64; without lines it is empty."""
    return _word("".join(f"{line}\n" for line in lines).encode())


def command_hosts(lines: Sequence[str]) -> str:
    return f"hosts {encoded(lines)}\n"


def command_nic(mac: str, lines: Sequence[str]) -> str:
    return f"nic {mac} {encoded(lines)}\n"


def command_clock(epoch_s: int) -> str:
    return f"clock {epoch_s}\n"


def command_renew(script: str) -> str:
    """Let a script of version 1 run another one as root, by a `check` that is named `renew`."""
    return f"check renew {RENEW_S} 1 exec {_word(script.encode())}\n"


def command_run(run: str, text: str, *, stdin: bool) -> str:
    """Run a text in sh as root. With `stdin`, the command gets pieces of stdin by `command_stdin`."""
    return f"run {run} {_word(text.encode())}{' stdin' if stdin else ''}\n"


def command_stdin(run: str, piece: bytes) -> str:
    """Send a piece of a command's stdin; an empty piece ends it.

    Nothing else may be sent before the guest has acknowledged the piece.
    """
    payload = _word(piece)
    return f"stdin {run} {len(payload)}\n{payload}"


def command_more(output: Output) -> str:
    """A piece of output was dealt with: the next one of its stream may come."""
    return f"more {output.run} {output.stream}\n"


def command_kill(run: str) -> str:
    return f"kill {run}\n"


def asked(line: str) -> list[str]:
    """What the guest may answer to a line, once each: what it says beside that is not listened to."""
    match line.partition("\n")[0].split():
        case ["hosts" | "clock" as command, *_]:
            return [command]
        case ["nic" | "check" as command, target, *_]:
            return [f"{command} {target}"]
        case ["run", run, _, *stdin]:
            return [f"{run} stdout", f"{run} stderr", f"{run} exit", *([f"{run} wants"] if stdin else [])]
        case ["more", run, stream]:
            return [f"{run} {stream}"]
        case ["stdin", run, _]:
            return [f"stdin {run}", f"{run} wants"]
    return []


def _word(data: bytes) -> str:
    return base64.b64encode(data).decode()


@record(frozen=False)
class LineReader:
    """Splits the byte stream from a guest into messages. Lines that are no messages are skipped, as parts of old lines.

    `guest.quota` bounds what gets here.
    """

    _rest: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> list[Message]:
        first, *lines = data.split(b"\n")
        self._rest += first
        if not lines:
            return []
        complete = [bytes(self._rest), *lines[:-1]]
        self._rest = bytearray(lines[-1])
        return [message for line in complete if line and (message := parse(line)) is not None]


def parse(line: bytes) -> Message | None:  # noqa: PLR0911  # one return for each message
    """Parse one line; None where it is not a message.

    A guest may send anything: each value that is used is checked, and no other is looked at.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    match message:
        case {"event": "state", "stage": "init" | "config" | "final" | "done" as stage}:
            return _state(stage, message)
        case {"event": "ack", "command": str(command), "target": str(target), "ok": bool(ok)}:
            return Reply(f"{command} {target}".strip(), ok, _text(message.get("detail")))
        case {"event": "check", "id": str(name), "ok": bool(ok)}:
            return Reply(f"check {name}", ok, _text(message.get("detail")))
        case {"event": "output", "id": str(run), "stream": "stdout" | "stderr" as stream, "data": str(data)}:
            return Output(run, stream, piece) if (piece := _piece(data)) else None
        case {"event": "stdin", "id": str(run)}:
            return StdinWanted(run)
        case {"event": "exit", "id": str(run), "code": int(code)} if 0 <= code <= 255:
            return Exit(run, int(code))
    return None


def _piece(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        return b""


def _text(value: object) -> str:
    return one_line(value, TEXT_CHARS) if isinstance(value, str) else ""


def _state(stage: str, message: dict[str, Any]) -> GuestState:
    status, result = (_v1(message.get(name)) for name in ("status", "result"))
    sources = [result, *(part for part in status.values() if isinstance(part, dict))]
    levels = [each.get("recoverable_errors") for each in sources]
    warnings = [found for each in levels if isinstance(each, dict) for found in each.values()]
    log, version = message.get("log"), message.get("version")
    return GuestState(
        stage,
        errors=_texts(each.get("errors") for each in sources),
        recoverable=_texts(warnings),
        addresses=tuple(islice(_addresses(message.get("addresses")), ADDRESSES)),
        log="\n".join(log.splitlines()[-LOG_LINES:])[-LOG_CHARS:] if isinstance(log, str) else "",
        version=version if isinstance(version, int) else 1,
        boot_id=_text(message.get("boot_id")),
    )


def _texts(lists: Iterable[object]) -> tuple[str, ...]:
    """The texts of all lists, each once and on one line; of many the first ones, and how many more there are."""
    found = (text for each in lists if isinstance(each, list) for text in each if isinstance(text, str))
    texts = list(dict.fromkeys(one_line(text, TEXT_CHARS) for text in found))
    more = len(texts) - TEXTS
    return (*texts[:TEXTS], *([f"and {more} more"] if more > 0 else []))


def _addresses(found: object) -> Iterator[tuple[str, IpAddress]]:
    """Pairs of a MAC and an address, of those that other machines can reach.

    They get into other guests' hosts files, and labctl itself connects to them: a guest must not name the host's
    loopback.
    """
    for each in found if isinstance(found, list) else ():
        match each:
            case {"mac": str(mac), "ip": str(ip)} if _MAC.fullmatch(mac.lower()):
                for address in filter(reachable, parse_addresses([ip.partition("/")[0]])):
                    yield mac.lower(), address


def _v1(document: object) -> dict[str, Any]:
    inner = document.get("v1") if isinstance(document, dict) else None
    return inner if isinstance(inner, dict) else {}
