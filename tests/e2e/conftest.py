"""Fixtures of the tests that boot guests: they run inside the private libvirtd only."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import libvirt
import pytest

from tests.e2e.harness import oracle as leaks
from tests.e2e.labfiles import Content, Lab
from tests.e2e.micro import MicroGuest, bare, build
from tests.surroundings import prepared

LABCTL_TIMEOUT_S = 600
REPOSITORY = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("LABCTL_E2E_PRIVATE") != "1":
        skip = pytest.mark.skip(
            reason="needs the private libvirtd: python -m tests.e2e.harness -- pytest tests/e2e"
        )
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def _builds() -> None:
    """The cache of labctl has what `make prepare` built, nothing else: this network reaches no package archive."""
    cache = Path.home() / ".cache/labctl"
    cache.mkdir(parents=True)
    for name in ("builds", "apt"):
        (cache / name).symlink_to(prepared() / "labctl" / name)


@pytest.fixture
def connection() -> Iterator[libvirt.virConnect]:
    """A connection of the test's own, so that a test may restart libvirtd."""
    libvirt.registerErrorHandler(
        lambda _context, _error: None, None
    )  # errors are raised, printing them is noise
    opened = libvirt.open("qemu:///system")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def micro() -> MicroGuest:
    return build()


@pytest.fixture(scope="session")
def view() -> Iterator[Path]:
    """Python and labctl where everybody may read them; root's home, which may hold both, stays closed."""
    folder = Path("/run/labctl-e2e-view")
    places = {"python": sys.base_prefix, "packages": sysconfig.get_path("platlib")}
    for name, source in places.items():
        (folder / name).mkdir(parents=True)
        subprocess.run(["mount", "--bind", source, folder / name], check=True)
    (folder / "labctl").mkdir()
    for tree in ("labctl", "schemas", "templates"):
        subprocess.run(["cp", "-r", "--no-preserve=all", REPOSITORY / tree, folder / "labctl"], check=True)
    yield folder
    for name in places:
        subprocess.run(["umount", folder / name], check=True)
    shutil.rmtree(folder)


@pytest.fixture
def labdir(tmp_path: Path) -> Path:
    """An empty folder for a Labfile, where root alone may look."""
    tmp_path.chmod(0o700)
    return tmp_path


@pytest.fixture(autouse=True)
def oracle(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever the test did, afterwards the host is what it was. Own connections: the test may kill libvirtd."""
    if "no_oracle" in request.keywords:
        yield
        return
    before = look()
    yield
    left = leaks.diff(before, look())
    assert not left, "left behind:\n" + "\n".join(left)


def look() -> leaks.Snapshot:
    bare.run_event_loop()  # registered before the process's first connection
    connection = libvirt.open("qemu:///system")
    try:
        return leaks.snapshot(connection)
    finally:
        connection.close()


@dataclass(frozen=True)
class Finished:
    """How a labctl command ended."""

    code: int
    stdout: str
    stderr: str


def with_trust(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The arguments with a yes to what the tests' labs reach: the micro guest lies outside of their folders."""
    place = arguments.index("--") if "--" in arguments else len(arguments)
    asks = {"up", "reload", "pull"} & {*arguments[:place]}
    return (*arguments[:place], *["--trust"] * bool(asks), *arguments[place:])


@dataclass(frozen=True)
class Labctl:
    """Runs labctl as a user would, in a folder; `start` leaves it running for tests that interrupt it."""

    folder: Path
    trusts: bool = True
    _started: list[subprocess.Popen[str]] = field(default_factory=list, init=False, compare=False)

    def __call__(self, *arguments: str, timeout_s: float = LABCTL_TIMEOUT_S, **environment: str) -> Finished:
        process = self.start(*arguments, **environment)
        try:
            stdout, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            pytest.fail(f"labctl {' '.join(arguments)} did not end in {timeout_s} s\n{stdout}\n{stderr}")
        return Finished(process.returncode, stdout, stderr)

    def start(
        self,
        *arguments: str,
        stdin: int = subprocess.DEVNULL,
        stderr: int = subprocess.PIPE,
        module: str = "labctl",
        **environment: str,
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [self.python, "-m", module, *(with_trust(arguments) if self.trusts else arguments)],
            cwd=self.folder,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            **self.identity(**environment),
        )
        self._started.append(process)
        return process

    @property
    def python(self) -> Path:
        return Path(sys.executable)

    def identity(self, **environment: str) -> dict[str, Any]:
        """As whom it runs, and with which environment: arguments of Popen."""
        return {"env": {**os.environ, "PYTHONPATH": str(REPOSITORY), "NO_COLOR": "1", **environment}}

    def kill(self) -> None:
        """What a failed test left running."""
        for process in self._started:
            process.kill()
            process.wait()


@pytest.fixture
def labctl(labdir: Path) -> Iterator[Labctl]:
    made = Labctl(labdir)
    yield made
    made.kill()


@pytest.fixture
def make_lab(labctl: Labctl) -> Iterator[Callable[..., Lab]]:
    """Labs that are destroyed at the end, also when the test failed: the next one finds the host clean."""
    made: list[Lab] = []

    def make(content: Content, folder: Path = labctl.folder) -> Lab:
        folder.mkdir(exist_ok=True)
        made.append(Lab(Labctl(folder), content))
        return made[-1]

    yield make
    for lab in made:
        lab.labctl.kill()
        lab.destroy()
