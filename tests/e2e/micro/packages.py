"""Package contents without installing them, kept in a cache by version."""

import subprocess
import tempfile
from pathlib import Path


def unpacked(name: str, cache: Path) -> Path:
    """The folder with the contents of a package (of what a metapackage names first), named by its version.

    What the cache has is used, whatever the archive has by now. CalledProcessError when it can't be downloaded.
    """
    cached = sorted(cache.glob("*"), key=lambda path: path.stat().st_mtime) if cache.exists() else []
    if cached:
        return cached[-1]
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent) as work:
        folder = Path(work)
        folder.chmod(0o777)  # apt downloads as its own user
        real = _of_metapackage(name)
        subprocess.run(["apt-get", "download", "-q", real], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        deb = next(folder.glob("*.deb"))
        subprocess.run(["dpkg-deb", "-x", deb, folder / "content"], check=True)
        done = cache / deb.stem
        (folder / "content").rename(done)
    return done


def _of_metapackage(name: str) -> str:
    """linux-image-cloud-amd64 has no content; it depends on the kernel of the day."""
    output = subprocess.run(["apt-cache", "depends", name], check=True, capture_output=True, text=True).stdout
    depends = [
        line.split()[-1] for line in output.splitlines() if line.strip().startswith("Depends: linux-image")
    ]
    return depends[0] if depends else name
