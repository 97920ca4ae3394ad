"""Commands to the guest's script and messages from it (templates/guest/labctl-guest.sh documents both)."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from labctl.core.ip import parse_addresses
from labctl.core.record import field, record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    RunEvent: TypeAlias = "Output | StdinWanted | Exit"
    Message: TypeAlias = "GuestState | Reply | RunEvent"

    from labctl.core.ip import IpAddress

PORT = "org.labctl.guest.0"
HELLO = "hello\n"
VERSION = 2  # of the guest's script; version 1 did not report its version
RUN_VERSION = 2  # the first version that runs commands
RENEW_S = 60  # for the start of a newer script; an emulated guest under load takes its time
PIECE_BYTES = 393216  # the most bytes of a piece of stdin
COMMAND_BYTES = (
    65536  # the most bytes of a command: Linux takes 128 KiB in one argument, and quoting adds to it
)


@record
class GuestState:
    """The state that a guest reports.

    `stage` is that of cloud-init: init, config, final or done. `errors` and `recoverable` are cloud-init's errors,
    those of its result first. `log` is the end of cloud-init's output where there are errors, else empty.
    """

    stage: str
    errors: tuple[str, ...] = ()
    recoverable: tuple[str, ...] = ()
    addresses: tuple[tuple[str, IpAddress], ...] = ()  # pairs of a NIC's MAC and one of its addresses
    log: str = ""
    version: int = 1

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


@record
class Output:
    """A piece of the output of a command that runs; `stream` is stdout or stderr."""

    run: str
    stream: str
    data: bytes


@record
class StdinWanted:
    """A command that runs can take another piece of stdin."""

    run: str


@record
class Exit:
    """A command ended. All of its output has arrived before. A code above 128 means a signal, as in sh."""

    run: str
    code: int


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


def _word(data: bytes) -> str:
    return base64.b64encode(data).decode()


@record(frozen=False)
class LineReader:
    """Splits the byte stream from a guest into messages. Lines that are no messages
    are skipped, as parts of old lines.
    """

    _rest: bytes = field(default=b"")

    def feed(self, data: bytes) -> list[Message]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[-1_000_000:]
        return [message for line in lines if (message := parse(line)) is not None]


def parse(line: bytes) -> Message | None:
    """Parse one line; None where it is not a message. A guest may send anything, so every value is checked."""
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
        for address in parse_addresses([str(each.get("ip", "")).partition("/")[0]])
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
