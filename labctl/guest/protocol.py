"""What labctl and the guest's script say to each other (templates/guest/labctl-guest.sh tells the shapes)."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from labctl.core.ip import read_addresses
from labctl.core.record import field, record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    RunEvent: TypeAlias = "Output | StdinWanted | Exit"
    Message: TypeAlias = "GuestState | Reply | RunEvent"

    from labctl.core.ip import IpAddress

PORT = "org.labctl.guest.0"
HELLO = "hello\n"
VERSION = 2  # of the guest's script; the first ones did not tell theirs
RUN_VERSION = 2  # the first one that runs commands
PIECE_BYTES = 98304  # of a command's stdin
COMMAND_BYTES = 65536  # Linux takes 128 KiB in one argument, and quoting lengthens it


@record
class GuestState:
    """One state line. `stage` is init, config, final or done; `errors` are cloud-init's own, most telling first."""

    stage: str
    errors: tuple[str, ...] = ()
    recoverable: tuple[str, ...] = ()
    addresses: tuple[tuple[str, IpAddress], ...] = ()  # each with the MAC of its NIC
    log: str = ""
    version: int = 1

    def of(self, mac: str) -> tuple[IpAddress, ...]:
        """The addresses of a NIC."""
        return tuple(address for nic, address in self.addresses if nic == mac)

    @property
    def over(self) -> bool:
        return self.stage == "done"


@record
class Reply:
    """What became of a command (`hosts`, `nic`, `clock`) or of a `check`, told by `name`."""

    name: str
    ok: bool
    detail: str = ""


@record
class Output:
    """What a command wrote to its `stream`, which is stdout or stderr."""

    run: str
    stream: str
    data: bytes


@record
class StdinWanted:
    """A command can take another piece of its stdin."""

    run: str


@record
class Exit:
    """A command ended, and all of its output arrived before; a code above 128 is a signal's, as in sh."""

    run: str
    code: int


def key_lines(user: str, sudo: str, login: str, private: str, public: str) -> str:
    """What `templates/guest/keys.sh` reads; `sudo` is yes or no, the keys are in OpenSSH's formats."""
    return f"login {user} {sudo} {login}\nhost-key {_word(private.encode())} {public}\n"


def encoded(lines: Sequence[str]) -> str:
    """Lines as one word; the empty one for none."""
    return _word("".join(f"{line}\n" for line in lines).encode())


def command_hosts(lines: Sequence[str]) -> str:
    return f"hosts {encoded(lines)}\n"


def command_nic(mac: str, lines: Sequence[str]) -> str:
    return f"nic {mac} {encoded(lines)}\n"


def command_clock(epoch_s: int) -> str:
    return f"clock {epoch_s}\n"


def command_check(name: str, kind: str, value: str, *, timeout: float, interval: float) -> str:
    """Ask for a `ready` condition: `kind` is tcp, exec or http."""
    payload = value if kind == "tcp" else _word(value.encode())
    return f"check {name} {max(1, round(timeout))} {max(1, round(interval))} {kind} {payload}\n"


def command_run(run: str, text: str, *, stdin: bool) -> str:
    """Run a text in sh as root; it waits for its stdin where that is announced."""
    return f"run {run} {_word(text.encode())}{' stdin' if stdin else ''}\n"


def command_stdin(run: str, piece: bytes) -> str:
    """A piece of a command's stdin; an empty one ends it. Until it is acknowledged nothing else may be sent."""
    payload = _word(piece)
    return f"stdin {run} {len(payload)}\n{payload}"


def command_kill(run: str) -> str:
    return f"kill {run}\n"


def _word(data: bytes) -> str:
    return base64.b64encode(data).decode()


@record(frozen=False)
class LineReader:
    """Cuts the byte stream into messages; what is no JSON (the rest of a line from before) is skipped."""

    _rest: bytes = field(default=b"")

    def feed(self, data: bytes) -> list[Message]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-1_000_000:]
        return [message for line in lines if (message := parse(line)) is not None]


def parse(line: bytes) -> Message | None:
    """Read one line; None for what is not a message. Everything in it comes from a guest: nothing is trusted."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    if not isinstance(message, dict):
        return None
    event = message.get("event")
    if event == "state":
        return _state(message)
    if event in ("check", "ack"):
        words = (
            ("check", message.get("id"))
            if event == "check"
            else (message.get("command"), message.get("target"))
        )
        name = f"{words[0]} {words[1] or ''}".strip()
        return Reply(name, message.get("ok") is True, str(message.get("detail", "")))
    return _of_run(str(event), str(message.get("id")), message)


def _of_run(event: str, run: str, message: dict[str, Any]) -> Output | StdinWanted | Exit | None:
    if event == "stdin":
        return StdinWanted(run)
    if event == "exit":
        code = message.get("code")
        return Exit(run, code if isinstance(code, int) and 0 <= code <= 255 else 255)
    if event == "output":
        try:
            data = base64.b64decode(message["data"], validate=True)
        except (KeyError, TypeError, ValueError):
            return None
        return Output(run, "stderr" if message.get("stream") == "stderr" else "stdout", data)
    return None


def _state(message: dict[str, Any]) -> GuestState:
    status, result = (_v1(message.get(name)) for name in ("status", "result"))
    errors = [str(each) for each in result.get("errors") or ()]
    recoverable: list[str] = []
    for source in (result, *(part for part in status.values() if isinstance(part, dict))):
        errors += [str(each) for each in source.get("errors") or () if str(each) not in errors]
        levels = source.get("recoverable_errors")
        for level in levels.values() if isinstance(levels, dict) else ():
            recoverable += [str(each) for each in level if str(each) not in recoverable]
    addresses = tuple(
        (str(each.get("mac", "")).lower(), address)
        for each in message.get("addresses") or ()
        if isinstance(each, dict)
        for address in read_addresses([str(each.get("ip", "")).partition("/")[0]])
    )
    version = message.get("version")
    return GuestState(
        stage=str(message.get("stage", "init")),
        errors=tuple(errors),
        recoverable=tuple(recoverable),
        addresses=addresses,
        log=str(message.get("log") or ""),
        version=version if isinstance(version, int) else 1,
    )


def _v1(document: object) -> dict[str, Any]:
    inner = document.get("v1") if isinstance(document, dict) else None
    return inner if isinstance(inner, dict) else {}
