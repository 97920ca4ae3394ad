"""One connection to libvirt: its event loop, keepalive, and errors in labctl's own terms."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import libvirt

from labctl.core.errors import LabctlError
from labctl.host.libvirt.parallel import CallsInFlight
from labctl.host.libvirt.uri import SYSTEM, is_local

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import ThreadPoolExecutor

DOCTOR = "`labctl doctor` says what is missing and how to mend it"
NO_URI = "a libvirt URI is one as qemu:///system; a command for a VM stands behind --, as in `labctl ssh web -- uptime`"
# libvirtd's max_client_requests is 5. With more calls at once, keepalive messages wait and the connection breaks.
CALLS_IN_FLIGHT = 4
KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT = 5, 12
REOPEN_S, REOPEN_POLL_S = 30.0, 0.1  # a daemon that restarts does not answer for a moment
T = TypeVar("T")
R = TypeVar("R")


def once(function: Callable[[], None]) -> Callable[[], None]:
    """A function that does something the first time only. Other threads wait until that is done."""
    lock, remembered = threading.Lock(), cache(function)

    def called() -> None:
        with lock:
            remembered()

    return called


@once
def _register_event_loop() -> None:
    """Register libvirt's own event loop, once in a process and before the first connection."""
    libvirt.registerErrorHandler(lambda *_: None, None)  # libvirt would print each error that it raises
    libvirt.virEventRegisterDefaultImpl()


@once
def run_event_loop() -> None:
    """Run libvirt's event loop in a daemon thread, once in a process. Whoever registers for events calls this."""

    def run() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=run, name="libvirt-events", daemon=True).start()


def call_on(loop: AbstractEventLoop, done: Callable[..., object], *arguments: object) -> None:
    """Call a function on an asyncio loop, from libvirt's thread.

    An event may arrive after its registration has ended. If the loop has ended too, the event is dropped.
    """
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(done, *arguments)


class Connection:
    """A live connection; `virt` is the libvirt object, replaced by `reopen` when the daemon went away."""

    def __init__(self, uri: str) -> None:
        """Connect.

        Raises:
            LabctlError: libvirt does not answer.
        """
        _register_event_loop()
        self.uri = uri
        self._lock = threading.Lock()
        self._in_flight = CallsInFlight(CALLS_IN_FLIGHT)
        self._watched = False
        self._keepalive_timer: threading.Timer | None = None
        self._listeners: set[Callable[[], None]] = set()
        self.virt = self._open()
        if not self.local:
            self.watch()
        elif not self._tests:
            self._watch_later()

    def _open(self) -> Any:  # libvirt-python ships no types
        try:
            virt = libvirt.open(self.uri)
        except libvirt.libvirtError as error:
            raise LabctlError(
                f"can't connect to libvirt: {error.get_error_message()}",
                where=self.uri,
                hint=self._hint(),
            ) from error
        if self._watched:
            self._keep_alive(virt)
        return virt

    def _hint(self) -> str:
        if self.uri == SYSTEM and os.geteuid() != 0:
            return f"`-c rootless` needs no rights; {DOCTOR}"
        return DOCTOR if ":" in self.uri else NO_URI

    def watch(self) -> None:
        """Send keepalive messages, to notice a daemon that no longer answers. This needs libvirt's event loop.

        Short runs that only read from their own host do without it: each answer wakes the loop, which would take a
        third of their time.
        """
        with self._lock:
            if not self._watched:
                self._watched = True
                run_event_loop()
                self._keep_alive(self.virt)

    def _watch_later(self) -> None:
        """Call `watch` when libvirtd begins to send keepalive messages, which only the event loop answers.

        libvirtd closes a connection that does not answer them, as while labctl waits for the user or hashes an image.
        """

        def watch() -> None:
            with suppress(LabctlError):  # the next call reports that the daemon is gone
                self.watch()

        self._keepalive_timer = threading.Timer(KEEPALIVE_INTERVAL_S, watch)
        self._keepalive_timer.daemon = True
        self._keepalive_timer.start()

    def _keep_alive(self, virt: Any) -> None:
        if self._tests:
            return
        with translated(self.uri):
            virt.setKeepAlive(KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT)
            virt.registerCloseCallback(self._lost, None)

    def _lost(self, _virt: Any, _reason: int, _opaque: None) -> None:  # on libvirt's event thread
        for listener in tuple(self._listeners):
            listener()

    @contextmanager
    def on_loss(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call the listener if the connection is lost while the block runs, which open streams do not notice."""
        self._listeners.add(listener)
        try:
            yield
        finally:
            self._listeners.discard(listener)

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """Run a blocking libvirt call in a thread, for asyncio, with at most CALLS_IN_FLIGHT calls at once."""
        import asyncio  # it takes long to import, and runs that only read do without

        return await asyncio.get_running_loop().run_in_executor(
            self._workers, self._in_flight.call, function, *args
        )

    def in_parallel(self, objects: Iterable[T], work: Callable[[T], R]) -> list[R]:
        """Call `work` for all objects, within the same limit, from a function that `call` runs; see `parallel`."""
        return self._in_flight.each(objects, work)

    @cached_property
    def _workers(self) -> ThreadPoolExecutor:
        from concurrent.futures import ThreadPoolExecutor  # as asyncio

        self.watch()
        return ThreadPoolExecutor(CALLS_IN_FLIGHT, thread_name_prefix="libvirt")

    def reopen(self, lost: Any) -> None:
        """Replace the lost connection `lost`, unless another thread has done so already.

        Raises:
            LabctlError: the daemon did not come back within half a minute.
        """
        deadline = time.monotonic() + REOPEN_S
        with self._lock:
            while self.virt is lost:
                try:
                    self.virt = self._open()
                except LabctlError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(REOPEN_POLL_S)

    @staticmethod
    def alive(virt: Any) -> bool:
        """Whether a virConnect, perhaps one that `reopen` has replaced, is still connected."""
        try:
            return bool(virt.isAlive())
        except libvirt.libvirtError:
            return False

    def close(self) -> None:
        """End the connection and its threads. A call in flight goes on, and nobody waits for it."""
        if self._keepalive_timer:
            self._keepalive_timer.cancel()
        if workers := self.__dict__.pop("_workers", None):
            workers.shutdown(wait=False)
        with self._lock:
            try:
                self.virt.close()
            except libvirt.libvirtError:
                return  # the connection was lost already

    @property
    def _tests(self) -> bool:
        """Whether this is libvirt's test driver, which runs in this process without a daemon."""
        return self.uri.startswith("test:")

    @property
    def local(self) -> bool:
        return is_local(self.uri)


@contextmanager
def translated(where: str = "") -> Iterator[None]:
    """Raise libvirt's errors of the block as LabctlErrors, with a hint if one is known."""
    try:
        yield
    except libvirt.libvirtError as error:
        message = error.get_error_message() or str(error)
        raise LabctlError(message, where=where, hint=hint_for(message)) from error


_HINTS = (
    (
        "Permission denied",
        "QEMU's user must be able to enter every folder on the way there: `chmod o+x` the one that lacks it",
    ),
    ("No space left", "free some disk space; what was written in part is removed again"),
    ("failed to create new dnsmasq", "dnsmasq may be missing or port 53 taken: see `labctl doctor`"),
    ("Address already in use", "another service listens there, see `ss -lnp 'sport = 53'`"),
    (
        "Cannot allocate memory",
        "the host has too little memory for this VM: lower `memory`, or halt another lab",
    ),
    (
        "is already in use by interface",
        "another network of this host has that subnet: choose another, or leave `subnet` out",
    ),
    (
        "could not find capabilities",
        "this libvirt has no emulator for that architecture: install its QEMU package",
    ),
)


def hint_for(message: str) -> str:
    return next((hint for part, hint in _HINTS if part in message), "")


def code(error: BaseException | None) -> int | None:
    """The code of a libvirtError, or of the one that caused a LabctlError; None for other errors."""
    if isinstance(error, LabctlError):
        error = error.__cause__
    return error.get_error_code() if isinstance(error, libvirt.libvirtError) else None


def found(*looks: tuple[Callable[[str], Any], str]) -> Any:
    """Try lookups, each with a name or UUID, and return the first object found; None if there is none."""
    for look, word in looks:
        try:
            return look(word)
        except libvirt.libvirtError as error:
            if not missing(error):
                raise
    return None


def missing(error: Exception) -> bool:
    """Whether the error says that the object does not exist."""
    return code(error) in (
        libvirt.VIR_ERR_NO_DOMAIN,
        libvirt.VIR_ERR_NO_NETWORK,
        libvirt.VIR_ERR_NO_STORAGE_POOL,
        libvirt.VIR_ERR_NO_STORAGE_VOL,
        libvirt.VIR_ERR_NO_DOMAIN_METADATA,
    )
