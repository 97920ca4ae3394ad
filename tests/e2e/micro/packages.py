"""Package contents without installing them, kept in a cache by version."""

import hashlib
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from labctl.host.builds import apt

MIRROR, KEYRING = "http://deb.debian.org/debian", "/usr/share/keyrings/debian-archive-keyring.gpg"
WITHOUT_LANGUAGES = 'Acquire::Languages "none";\n'


@dataclass(frozen=True)
class Archive:
    """Where packages come from: the host's own apt, or for another architecture one beside it, with its own lists.

    `arch` is dpkg's, empty for the host's own.
    """

    arch: str = ""
    suite: str = ""

    def environment(self, cache: Path) -> dict[str, str]:
        """What makes apt use it; its lists are below `cache`, and are fetched when they are not there."""
        if not self.arch:
            return dict(os.environ)
        folder = cache / f"apt-{self.arch}"
        environment = {**os.environ, **apt.proxy_environment(), "APT_CONFIG": str(folder / "apt.conf")}
        if not (folder / "apt.conf").exists():
            self._fetch_lists(folder, environment)
        return environment

    def _fetch_lists(self, folder: Path, environment: dict[str, str]) -> None:
        for name in ("lists/partial", "archives/partial"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        lines = apt.sources(self.suite) or [f"deb [signed-by={KEYRING}] {MIRROR} {self.suite} main"]
        (folder / "sources.list").write_text("".join(f"{line}\n" for line in lines))
        text = apt.CONFIGURATION.format(folder=folder, lists=folder / "lists", arch=self.arch)
        written = folder / "new.conf"
        written.write_text(text + WITHOUT_LANGUAGES)
        subprocess.run(
            ["apt-get", "update", "-q"],
            check=True,
            stdout=subprocess.DEVNULL,
            env=environment | {"APT_CONFIG": str(written)},
        )
        written.rename(folder / "apt.conf")  # only now: it says that the lists are there


HOST = Archive()


def unpacked(name: str, cache: Path, archive: Archive = HOST) -> Path:
    """The folder with the contents of a package (of what a metapackage names first), named by its version.

    What the cache has is used, whatever the archive has by now. CalledProcessError when it can't be downloaded.
    """
    return _cached(cache) or _unpack([_of_metapackage(name, _environment(cache, archive))], cache, archive)


def root_of(names: list[str], cache: Path, archive: Archive) -> Path:
    """The folder with the contents of packages and of all that they depend on, named by their versions; likewise."""
    found = _cached(cache)
    if found is None:
        simulated = _output(["apt-get", "--simulate", "-qq", "install", *names], _environment(cache, archive))
        found = _unpack(re.findall(r"^Inst (\S+)", simulated, re.MULTILINE), cache, archive)
    return found


def _cached(cache: Path) -> Path | None:
    cached = sorted(cache.glob("*"), key=lambda path: path.stat().st_mtime) if cache.exists() else []
    return cached[-1] if cached else None


def _environment(cache: Path, archive: Archive) -> dict[str, str]:
    return archive.environment(cache.parent)


def _unpack(names: list[str], cache: Path, archive: Archive) -> Path:
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent) as work:
        folder = Path(work)
        folder.chmod(0o777)  # apt downloads as its own user
        subprocess.run(
            ["apt-get", "download", "-q", *names],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            env=_environment(cache, archive),
        )
        debs = sorted(folder.glob("*.deb"))
        for deb in debs:
            subprocess.run(["dpkg-deb", "-x", deb, folder / "content"], check=True)
        stems = "\n".join(deb.stem for deb in debs)
        done = cache / (stems if len(debs) == 1 else hashlib.sha256(stems.encode()).hexdigest()[:16])
        (folder / "content").rename(done)
    return done


def _of_metapackage(name: str, environment: dict[str, str]) -> str:
    """linux-image-cloud-amd64 has no content; it depends on the kernel of the day."""
    output = _output(["apt-cache", "depends", name], environment)
    depends = [
        line.split()[-1] for line in output.splitlines() if line.strip().startswith("Depends: linux-image")
    ]
    return depends[0] if depends else name


def _output(argv: list[str], environment: dict[str, str]) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, env=environment).stdout
