"""One connection to libvirt: its event loop, keepalive, and errors in labctl's own terms."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import libvirt

from labctl.core.errors import LabctlError
from labctl.host.libvirt.uri import is_local

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterator
    from concurrent.futures import ThreadPoolExecutor

CALLS_IN_FLIGHT = 4  # libvirtd's max_client_requests is 5; more starve the keepalive and drop the connection
KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT = 5, 12
REOPEN_S, REOPEN_POLL_S = 30.0, 0.1  # a daemon that restarts is away for a moment
LOST = (
    libvirt.VIR_ERR_SYSTEM_ERROR,
    libvirt.VIR_ERR_RPC,
    libvirt.VIR_ERR_INVALID_CONN,
    libvirt.VIR_ERR_NO_CONNECT,
    libvirt.VIR_ERR_INTERNAL_ERROR,
)
T = TypeVar("T")


def once(function: Callable[[], None]) -> Callable[[], None]:
    """A function that does something the first time only. Other threads wait until that is done."""
    lock, remembered = threading.Lock(), cache(function)

    def called() -> None:
        with lock:
            remembered()

    return called


@once
def _register_event_loop() -> None:
    """Choose libvirt's own event loop, once a process; that has to be before there is a connection."""
    libvirt.registerErrorHandler(lambda *_: None, None)  # errors are raised; libvirt would print them as well
    libvirt.virEventRegisterDefaultImpl()


@once
def run_event_loop() -> None:
    """Run it in a daemon thread, once a process: whoever asks libvirt for events sees to that."""

    def run() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=run, name="libvirt-events", daemon=True).start()


def call_on(loop: AbstractEventLoop, done: Callable[..., object], *arguments: object) -> None:
    """Call a function on an asyncio loop, from libvirt's thread.

    An event can still be under way when nobody asks for it any more. Where the loop has ended by then, it is dropped.
    """
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(done, *arguments)


class Connection:
    """A live connection; `virt` is the libvirt object, replaced by `reopen` when the daemon went away."""

    def __init__(self, uri: str) -> None:
        """Connect.

        Raises:
            LabctlError: nothing answers there.
        """
        _register_event_loop()
        self.uri = uri
        self._lock = threading.Lock()
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
                hint="`labctl doctor` says what is missing and how to mend it",
            ) from error
        if self._watched:
            self._keep_alive(virt)
        return virt

    def watch(self) -> None:
        """Notice a daemon that no longer answers, for which libvirt's event loop has to run.

        Those who only look at their own host do without: the loop is woken by each answer, which would take a third of
        their time.
        """
        with self._lock:
            if not self._watched:
                self._watched = True
                run_event_loop()
                self._keep_alive(self.virt)

    def _watch_later(self) -> None:
        """From when libvirtd begins to ask whether anybody is still there, which only the loop answers.

        It hangs up on who does not: while a question waits for its answer, say, or an image is hashed.
        """

        def watch() -> None:
            with suppress(LabctlError):  # whoever calls next finds that the daemon went away
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
        """Have the listener called when the connection is lost meanwhile: open streams don't notice by themselves."""
        self._listeners.add(listener)
        try:
            yield
        finally:
            self._listeners.discard(listener)

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """Run a blocking libvirt call beside the event loop of asyncio, with at most CALLS_IN_FLIGHT at once."""
        import asyncio  # here, since those who only look need neither it nor workers

        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *args)

    @cached_property
    def _workers(self) -> ThreadPoolExecutor:
        from concurrent.futures import ThreadPoolExecutor

        self.watch()
        return ThreadPoolExecutor(CALLS_IN_FLIGHT, thread_name_prefix="libvirt")

    def reopen(self, lost: Any) -> None:
        """Replace a connection that was lost; a second caller that lost the same one finds it done.

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
        """Whether a connection, which `reopen` may have replaced, still is one."""
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
                return  # it was lost already

    @property
    def _tests(self) -> bool:
        """Whether there is no daemon, but libvirt's test driver in this process."""
        return self.uri.startswith("test:")

    @property
    def local(self) -> bool:
        return is_local(self.uri)


@contextmanager
def translated(where: str = "") -> Iterator[None]:
    """Turn libvirt's errors into labctl's, with a hint where one is known."""
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
    """The code of an error of libvirt, also of one that was told in labctl's terms; None of any other."""
    if isinstance(error, LabctlError):
        error = error.__cause__
    return error.get_error_code() if isinstance(error, libvirt.libvirtError) else None


def found(*looks: tuple[Callable[[str], Any], str]) -> Any:
    """Try look-ups, each with the name or UUID to look for, until one finds the object; None where none does."""
    for look, word in looks:
        try:
            return look(word)
        except libvirt.libvirtError as error:
            if not missing(error):
                raise
    return None


def missing(error: Exception) -> bool:
    """Whether libvirt says that the object is not there."""
    return code(error) in (
        libvirt.VIR_ERR_NO_DOMAIN,
        libvirt.VIR_ERR_NO_NETWORK,
        libvirt.VIR_ERR_NO_STORAGE_POOL,
        libvirt.VIR_ERR_NO_STORAGE_VOL,
        libvirt.VIR_ERR_NO_DOMAIN_METADATA,
    )
